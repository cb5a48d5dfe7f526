import { eventually } from '@stoa/service/testing';
import { expect, test } from 'vitest';
import { underLoad, useSystem } from './scenario.ts';
import { openVanishingNetwork } from './vanishing-network.ts';

const system = useSystem();
/** `tcp_user_timeout` of the server, and what a busy machine takes to notice it. */
const LOCKS_FREE_WITHIN_MS = 30_000;

test('the machine of the leading worker vanishes: its locks are free within half a minute, and everything is sent once', async () => {
  const { podsOf, another, ask } = system();
  const usersWorkers = podsOf('users', 'worker');
  await using network = await openVanishingNetwork();
  // As the only worker, it leads everything.
  for (const worker of usersWorkers) await worker.terminate();
  const leader = await another('users-worker-elsewhere', ['start', '--services', 'users', '--role', 'worker'], { network });
  await leader.start();
  const backends = () =>
    ask<{ pid: number }>(
      'users',
      `select distinct pid from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
    );
  const leading = await eventually(async () => {
    const found = (await backends()).map(({ pid }) => pid);
    expect(found).not.toEqual([]);
    return found;
  });
  for (const worker of usersWorkers) await worker.start();
  let freedMs = Number.POSITIVE_INFINITY;
  await underLoad('the leading machine vanishes', system(), {}, async (load) => {
    await network.vanish();
    const vanishedAt = performance.now();
    await eventually(
      async () => {
        const left = await ask('users', 'select from pg_stat_activity where pid = any($1::integer[])', [`{${leading.join(',')}}`]);
        expect(left).toEqual([]);
      },
      { timeoutMs: 60_000, intervalMs: 200 },
    );
    freedMs = performance.now() - vanishedAt;
    await load.moreAccepted(100);
  });
  console.log(`| the leading machine vanishes | locks free after ${(freedMs / 1_000).toFixed(1)} s |`);
  expect(freedMs).toBeLessThan(LOCKS_FREE_WITHIN_MS);
  await leader.kill();
});
