import { join } from 'node:path';
import { eventually } from '@stoa/service/testing';
import { expect, test } from 'vitest';
import type { Load } from './load.ts';
import type { Pod } from './pod.ts';
import { underLoad, useSystem } from './scenario.ts';

const system = useSystem();
const next = (change: string) => ({ NODE_OPTIONS: `--import ${join(import.meta.dirname, 'next-version.ts')}`, NEXT_VERSION: change });

/** Replaces each process by a copy of this version or of another one; some work has to succeed in between. */
async function replace(pods: readonly Pod[], load: Load, env: Readonly<Record<string, string>> = {}): Promise<void> {
  for (const pod of pods) {
    expect(await pod.terminate(), `exit code of ${pod.name}`).toBe(0);
    await pod.start({ env });
    await load.moreAccepted(20);
  }
}

test('an event with an additional field: two versions of users and of the mailer side by side, there and back in any order', async () => {
  const { podsOf } = system();
  const [usersApis, usersWorkers, mailers] = [podsOf('users', 'api'), podsOf('users', 'worker'), podsOf('mailer', 'all')];
  const env = next('a field more');
  await underLoad('two versions, a field more', system(), {}, async (load) => {
    await replace([usersApis[1] as Pod, mailers[1] as Pod], load, env);
    // Only one copy at a time consumes from the bus: each gets its turn.
    await replace([mailers[0] as Pod], load);
    await replace([mailers[1] as Pod], load, env);
    await replace([usersApis[0] as Pod, ...usersWorkers, mailers[0] as Pod], load, env);
    await replace([...mailers, ...usersWorkers, ...usersApis], load);
  });
});

test('another version of an event: messages that no copy can handle yet wait and are not dead, and readers go back last', async () => {
  const { podsOf, ask } = system();
  const [usersApis, mailers] = [podsOf('users', 'api'), podsOf('mailer', 'all')];
  const env = next('another version of an event');
  const waiting = () => ask('mailer', `select from inbox where version = 2 and status = 'pending'`);
  await underLoad('two versions, another version of an event', system(), {}, async (load) => {
    // The publisher before any reader, which is the wrong order.
    await replace([usersApis[1] as Pod], load, env);
    await eventually(async () => expect(await waiting()).not.toEqual([]));
    await replace([mailers[1] as Pod], load, env);
    await replace([mailers[0] as Pod], load);
    await replace([usersApis[0] as Pod, mailers[0] as Pod], load, env);
    await replace(usersApis, load);
    const unsent = () => ask('users', 'select from outbox where version = 2 and sent_at is null');
    await eventually(async () => expect([...(await unsent()), ...(await waiting())]).toEqual([]), { timeoutMs: 120_000 });
    await replace(mailers, load);
  });
});
