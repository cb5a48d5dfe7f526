import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { listScheduledJobs, runScheduledJob } from './cron.ts';
import { effect, openService } from './testing/working-service.ts';
import type { Cron, Job } from './types.ts';

const crons = [{ job: 'write', everySeconds: 1 }];
const longBackoff = { backoff: { firstMs: 600_000, longestMs: 600_000 } };

test('a run of a cron that failed waits for its interval at most', async () => {
  let runs = 0;
  const write = effect(() => {
    if (runs++ === 0) throw new Error('away');
  });
  await using service = await openService([write], { crons, settings: longBackoff });
  await service.messaging.start();
  await eventually(() => expect(runs).toBeGreaterThan(1));
});

test('a cron enqueues the version that its job has, also when the job takes no other', async () => {
  const write: Job = { ...effect(), version: 2 };
  await using service = await openService([write], { crons });
  await service.messaging.start();
  await eventually(async () => expect((await service.effects()).length).toBeGreaterThan(1));
});

test('what is no run of the cron backs off as any job does', async () => {
  const write = effect((n) => {
    if (n === 1) throw new Error('away');
  });
  await using service = await openService([write], { crons, settings: longBackoff, leftoversExpected: 'the one that failed' });
  await service.enqueue(write, { n: 1 });
  await service.messaging.start();
  await eventually(async () => {
    const { rows } = await sql`select run_at > now() + interval '4 minutes' as waits from inbox where attempts = 1`.execute(
      service.database.query,
    );
    expect(rows).toEqual([{ waits: true }]);
  });
});

test('a cron whose runs all fail leaves one dead letter, the last', async () => {
  let runs = 0;
  const write = effect(() => {
    throw new Error(`failure ${++runs}`);
  });
  await using service = await openService([write], { crons, settings: { handleAttempts: 1 }, leftoversExpected: 'the dead letter' });
  await service.messaging.start();
  await eventually(() => expect(runs).toBeGreaterThan(2));
  await service.messaging.stop();
  expect((await service.rows()).filter(({ status }) => status === 'dead')).toEqual([
    { consumer: 'job:write', status: 'dead', attempts: 1, reason: `Error: failure ${runs}` },
  ]);
});

const hourly = [{ job: 'write', everySeconds: 3_600 }];

test.for<[string, readonly Cron[]]>([
  ['others', hourly],
  ['none', []],
])('a cron that no live copy declares is not listed and not run, and is gone a day later: the copies declare %s', async ([, declared]) => {
  await using service = await openService([effect()], { crons: declared, settings: { pruneEveryMs: 50 } });
  const { database } = service;
  const names = async () => (await listScheduledJobs(database.query)).map(({ job }) => job);
  const all = async () =>
    (await sql<{ job: string }>`select job from cron order by job`.execute(database.query)).rows.map(({ job }) => job);
  const expected = declared.map(({ job }) => job);
  await sql`insert into cron (job, every_seconds, next_at) values ('removed', 3600, now() + interval '1 hour')`.execute(database.query);
  const age = (interval: string) =>
    sql`update cron set declared_at = now() - ${interval}::interval where job = 'removed'`.execute(database.query);
  expect(await names()).toEqual(['removed']);
  await service.messaging.start();
  await age('4 minutes');
  await eventually(async () => expect(await names()).toEqual(expected));
  expect(await runScheduledJob(database, 'removed')).toBeUndefined();
  expect(await all()).toEqual(['removed', ...expected]);
  await age('25 hours');
  await eventually(async () => expect(await all()).toEqual(expected));
});

test('while no copy runs, the crons of the last one are listed, and "run now" enqueues for the next one', async () => {
  await using service = await openService([effect()], { crons: hourly });
  const { database } = service;
  await service.messaging.start();
  await eventually(async () => expect(await service.effects()).toHaveLength(1));
  await service.messaging.stop();
  await sql`update cron set declared_at = declared_at - interval '5 days'`.execute(database.query);
  expect(await listScheduledJobs(database.query)).toMatchObject([{ job: 'write' }]);
  expect(await runScheduledJob(database, 'write')).toBe('enqueued');
  await service.startCopy();
  await eventually(async () => expect(await service.effects()).toHaveLength(2));
});

test('"run now" pulls a waiting run forward, leaves one alone that is under way, enqueues one otherwise, and says which', async () => {
  let broken = true;
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const write = effect(async () => {
    if (broken) throw new Error('away');
    await released;
  });
  await using service = await openService([write], { crons: hourly, settings: longBackoff });
  const runNow = () => runScheduledJob(service.database, 'write');
  expect(await runScheduledJob(service.database, 'unheard-of')).toBeUndefined();
  await service.messaging.start();
  await eventually(async () => expect(await service.rows()).toMatchObject([{ attempts: 1, status: 'pending' }]));
  broken = false;
  expect(await runNow()).toBe('pulled-forward');
  expect(await runNow()).toBe('under-way');
  release();
  await eventually(async () => expect(await service.effects()).toHaveLength(1));
  expect(await runNow()).toBe('enqueued');
  await eventually(async () => expect(await service.effects()).toHaveLength(2));
});
