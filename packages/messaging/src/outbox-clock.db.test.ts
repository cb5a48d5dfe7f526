import { createDatabase } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { messagingMigrations } from './create-messaging.ts';
import { createLocalBroker } from './local-broker.ts';
import { happenings } from './testing/bus-under-test.ts';
import { silent } from './testing/copies.ts';
import { installClock } from './testing/database-clock.ts';
import { openPipeline } from './testing/pipeline.ts';
import { createWaitingRows } from './waiting-rows.ts';

test('the clock of the database is set back by an hour: what is appended leaves at once, and what has waited leaves with the next leader', async () => {
  await using pipeline = await openPipeline();
  const setBack = await installClock(pipeline.sender.database.query);
  const broker = createLocalBroker({ log: silent });
  const sender = await pipeline.startSender(broker);
  const items = happenings(12, 3);
  const waiting = async (count: number) => {
    const { rows } = await sql`select from outbox_waiting where attempts = 0`.execute(pipeline.sender.database.query);
    expect(rows).toHaveLength(count);
  };
  await pipeline.append(...items.slice(0, 6));
  await eventually(() => waiting(6));
  await setBack('1 hour');
  await pipeline.append(...items.slice(6));
  await eventually(() => waiting(12));
  await pipeline.startReceiver(broker);
  const other = { key: 'other', n: 100 };
  await pipeline.append(other);
  await eventually(async () => expect((await pipeline.effects('in-order')).map(({ n }) => n)).toContain(100));
  await sender.stop();
  await pipeline.startSender(broker);
  await pipeline.expectOnce([...items, other]);
  for (const [key, effects] of Map.groupBy(await pipeline.effects('in-order'), (effect) => effect.key))
    expect(effects.map(({ n }) => n)).toEqual([...items, other].filter((item) => item.key === key).map(({ n }) => n));
});

test('the clock of the database is set back by an hour: what is to be tried from then on is found, however far its route was read', async () => {
  const sources = [{ name: 'messaging', directory: messagingMigrations }];
  await using fixture = await testDatabase<unknown>({ sources, leftoversExpected: 'the relay is never started here' });
  const setBack = await installClock(fixture.database.query);
  const database = createDatabase<unknown>({ url: fixture.url, name: 'later', log: silent, metrics: new Registry() });
  const rows = createWaitingRows('sender', database, { bytes: 1_000_000, hours: 24, ofKey: 20 });
  const route = { subscriber: 'receiver', type: 'happened' };
  const refuse = async (key: string, waitMs: number): Promise<void> => {
    const { rows: appended } = await sql<{ id: number }>`
      insert into outbox (message_id, type, version, key, subscribers, correlation_id, traceparent, data)
      values (gen_random_uuid(), 'happened', 1, ${key}, '{receiver}', '', '', '{}') returning id`.execute(database.query);
    const outboxId = (appended[0] as { id: number }).id;
    await rows.setAside([{ outboxId, subscriber: 'receiver', attempts: 1, waitMs, reason: 'not today', isParked: false }]);
  };
  const due = async (floor: Date) => {
    const found = await rows.due(route, floor, 10, []);
    return { floor: found.floor, keys: found.rows.map(({ message }) => message.key) };
  };
  await refuse('before', 0);
  const { floor, keys } = await due(new Date(0));
  expect(keys).toEqual(['before']);
  await setBack('1 hour');
  await refuse('after', 0);
  await refuse('later', 60_000);
  expect((await due(floor)).keys).toEqual(['after']);
  expect(await rows.nextDueMs(route, floor)).toBeLessThan(60_000);
  // What failed before waits longer by the step, and no more.
  await setBack('0 s');
  expect((await due(new Date(0))).keys).toEqual(['before', 'after', 'later']);
  await database.close();
});
