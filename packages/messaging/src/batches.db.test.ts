import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { Data, effect, openService } from './testing/working-service.ts';
import { type Job, job } from './types.ts';

test('a batch of one commits each effect, and frees its locks, before the next row is taken', async () => {
  const seen: number[] = [];
  let service: Awaited<ReturnType<typeof openService>>;
  const write = {
    ...effect(async (n) => {
      if (n < 5) return;
      seen.push((await service.effects()).length);
    }),
    batch: 1,
  };
  await using opened = await openService([write]);
  service = opened;
  for (let n = 0; n < 6; n++) await service.enqueue(write, { n });
  await service.messaging.start();
  await eventually(async () => expect(await service.effects()).toHaveLength(6));
  // What another connection sees while the last one is handled.
  expect(seen).toEqual([5]);
});

test.for([0, -1, 1.5])('a batch of %d keeps the service from being made', async (batch) => {
  await expect(openService([{ ...effect(), batch }])).rejects.toThrow(RangeError);
});

test('as many slow jobs as there are permits for jobs stop no consumer', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: bothUnderWay, resolve: underWay } = Promise.withResolvers<void>();
  let started = 0;
  const slow = ['a', 'b'].map((name) =>
    job<unknown, typeof Data>({
      name,
      data: Data,
      async handle() {
        if (++started === 2) underWay();
        await released;
      },
    }),
  ) as Job[];
  await using service = await openService(slow, { settings: { jobWorkers: 2 }, leftoversExpected: 'a message that nobody takes' });
  for (const one of slow) await service.enqueue(one, {});
  await service.messaging.start();
  await bothUnderWay;
  // The consumer of what nobody takes works in every service.
  await sql`
    insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data)
    values ('unrouted', gen_random_uuid(), 'odd', 1, 'service', '', now(), '', '', '{}')`.execute(service.database.query);
  await eventually(async () =>
    expect(await service.rows()).toContainEqual(expect.objectContaining({ consumer: 'unrouted', status: 'dead' })),
  );
  release();
});
