import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { runScheduledJob } from './cron.ts';
import { effect, openService } from './testing/working-service.ts';
import type { Job } from './types.ts';

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

test('"run now" pulls a waiting run forward, leaves one alone that is under way, enqueues one otherwise, and says which', async () => {
  const hourly = [{ job: 'write', everySeconds: 3_600 }];
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
