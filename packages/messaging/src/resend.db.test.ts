import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { createLocalBroker } from './local-broker.ts';
import { resendSince } from './resend.ts';
import { happenings } from './testing/bus-under-test.ts';
import { silent } from './testing/copies.ts';
import { openPipeline } from './testing/pipeline.ts';

test('what a subscriber has lost comes again, in its order, and has its effect once; what it has not lost has no second one', async () => {
  await using pipeline = await openPipeline();
  const { sender, receiver } = pipeline;
  const broker = createLocalBroker({ log: silent });
  const service = await pipeline.startReceiver(broker);
  await pipeline.startSender(broker);
  const items = happenings(40, 4);
  await pipeline.append(...items.slice(0, 20));
  await pipeline.expectOnce(items.slice(0, 20));
  await pipeline.append(...items.slice(20));
  await pipeline.expectOnce(items);
  // A standby took over that had not seen the last of it: neither the effects nor that they were had.
  const { rows } = await sql<{ since: Date; ids: string[] }>`
    select min(sent_at) as since, array_agg(message_id::text) as ids from outbox_sent where (data->>'n')::int >= 20`.execute(
    sender.database.query,
  );
  const { since, ids } = rows[0] as (typeof rows)[0];
  await service.stop();
  await sql`delete from inbox_seen where message_id = any(${ids}::uuid[])`.execute(receiver.database.query);
  await sql`delete from effects where n >= 20`.execute(receiver.database.query);
  await pipeline.startReceiver(broker);

  expect(await resendSince(sender.database, { since, subscriber: 'somebody-else' })).toBe(0);
  const count = await resendSince(sender.database, { since, subscriber: 'receiver', ratePerSecond: 1_000 });
  expect(count).toBeGreaterThanOrEqual(20);
  await pipeline.expectOnce(items);
  for (const [, effects] of Map.groupBy(await pipeline.effects('in-order'), ({ key }) => key)) {
    const order = effects.map(({ n }) => n);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  }
});

test('more than a batch is put back whole, and what is older than is kept is refused', async () => {
  await using pipeline = await openPipeline('the relay is never started here');
  const { database } = pipeline.sender;
  await sql`
    insert into outbox_sent (id, message_id, type, version, key, subscribers, occurred_at, correlation_id, traceparent, data, sent_at)
    select n, gen_random_uuid(), 'happened', 1, 'a', '{receiver,other}', now(), '', '', '{}', now() - interval '1 h'
    from generate_series(1, 1203) as n`.execute(database.query);
  const anHourAgo = new Date(Date.now() - 2 * 3_600_000);
  expect(await resendSince(database, { since: anHourAgo, ratePerSecond: 9_999 })).toBe(1_203);
  await eventually(async () => {
    const { rows } =
      await sql`select count(distinct message_id)::int as messages, min(array_length(subscribers, 1)) as to from outbox`.execute(
        database.query,
      );
    expect(rows).toEqual([{ messages: 1_203, to: 2 }]);
  });
  await expect(resendSince(database, { since: new Date(Date.now() - 8 * 86_400_000) })).rejects.toThrow('kept for 168 hours');
});
