import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Load } from './load.ts';
import type { Pod } from './pod.ts';
import { underLoad, useHouse } from './scenario.ts';

const house = useHouse();
const nextVersion = { env: { NODE_OPTIONS: `--import ${join(import.meta.dirname, 'next-version.ts')}` } };

async function replace(pod: Pod, options: Parameters<Pod['start']>[0], load: Load): Promise<void> {
  expect(await pod.terminate(), `exit code of ${pod.name}`).toBe(0);
  await pod.start(options);
  await load.moreAccepted(50);
}

test('two versions of users and of the mailer, side by side, in whichever order they are replaced, and back again', async () => {
  const { usersApis, usersWorkers, mailers, ask } = house();
  const sent = async (where: string) =>
    (await ask<{ count: number }>('users', `select count(*)::integer from outbox where ${where}`))[0]?.count;
  await underLoad('two versions side by side', house(), {}, async (load) => {
    // Publishers first, and one copy alone: both versions publish, and the earlier one alone takes.
    for (const pod of [usersApis[1], usersWorkers[1]]) await replace(pod as Pod, nextVersion, load);
    await replace(mailers[1] as Pod, nextVersion, load);
    // One copy at a time takes from the bus: each has its turn.
    await replace(mailers[0] as Pod, {}, load);
    await replace(mailers[1] as Pod, nextVersion, load);
    // And all of the next version, before it is taken back.
    for (const pod of [mailers[0], usersWorkers[0], usersApis[0]]) await replace(pod as Pod, nextVersion, load);
    for (const pod of [...mailers, ...usersWorkers, ...usersApis]) await replace(pod, {}, load);
  });
  expect(await sent(`data->>'locale' = 'de'`)).toBeGreaterThan(100);
});
