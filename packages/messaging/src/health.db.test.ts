import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { createLocalBroker } from './local-broker.ts';
import { silent } from './testing/copies.ts';
import { drained } from './testing/drained.ts';
import { openPipeline } from './testing/pipeline.ts';

test('a message that waits to leave for more than a minute makes the relay unwell, with the reason', async () => {
  await using pipeline = await openPipeline('the message that waits');
  const sender = await pipeline.startSender(createLocalBroker({ log: silent }));
  await pipeline.append({ key: 'a', n: 1 });
  const relay = async () => (await sender.health())[0];
  await eventually(async () => {
    expect(await relay()).toMatchObject({ name: 'relay', ok: true, detail: 'happened waits: receiver does not listen to happened' });
  });
  await sql`update outbox set occurred_at = now() - interval '2 minutes'`.execute(pipeline.sender.database.query);
  expect(await relay()).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^the oldest unsent message is 12\d s late; happened waits/),
  });
});

test('a message that is due and not handled for more than a minute makes the inbox unwell, with the reason', async () => {
  await using pipeline = await openPipeline();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const receiver = await pipeline.startReceiver(createLocalBroker({ log: silent }), () => released);
  const inbox = async () => (await receiver.health())[1];
  expect(await inbox()).toEqual({ name: 'inbox', ok: true, background: true });
  await sql`
    insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data, registered, run_at)
    values ('any-order', gen_random_uuid(), 'happened', 1, 'sender', 'a', now(), '', '', '{"key":"a","n":1}', true, now() - interval '2 minutes')`.execute(
    pipeline.receiver.database.query,
  );
  expect(await inbox()).toMatchObject({ ok: false, detail: expect.stringMatching(/^the longest overdue message is 12\d s late$/) });
  release();
  await eventually(async () => expect(await inbox()).toEqual({ name: 'inbox', ok: true, background: true }));
});

test('the metrics show what waits, what went through and what failed', async () => {
  await using pipeline = await openPipeline('the dead letter');
  const broker = createLocalBroker({ log: silent });
  const receiver = await pipeline.startReceiver(broker, ({ n }, consumer) => {
    if (n === 1 && consumer === 'any-order') throw new Error('fails');
  });
  const sender = await pipeline.startSender(broker);
  await pipeline.append({ key: 'a', n: 1 }, { key: 'b', n: 2 });
  await eventually(async () => {
    expect(await sender.metrics.metrics()).toContain('stoa_relay_published_total{service="sender"} 2');
    const text = await receiver.metrics.metrics();
    expect(text).toContain('stoa_inbox_dead{service="receiver",consumer="any-order"} 1');
    expect(text).toContain('stoa_inbox_pending{service="receiver",consumer="in-order"} 0');
    expect(text).toContain('stoa_inbox_failures_total{service="receiver",consumer="any-order"} 4');
    expect(text).toContain('stoa_inbox_handler_seconds_count{service="receiver",consumer="in-order"} 2');
  });
  expect(await sender.metrics.metrics()).toContain('stoa_outbox_unsent{service="sender"} 0');
});

test('what is left at the end of a test is reported', async () => {
  await using pipeline = await openPipeline('what the test is about');
  await pipeline.append({ key: 'a', n: 1 });
  await expect(drained(pipeline.sender.database)).rejects.toThrow('messages are left:\n  outbox happened: 1 unsent');
});
