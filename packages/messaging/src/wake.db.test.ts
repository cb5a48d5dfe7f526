import { createDatabase } from '@stoa/postgres';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createLocalBroker } from './local-broker.ts';
import { createOutbox, OUTBOX_CHANNEL } from './outbox.ts';
import { createRelay } from './relay.ts';
import { defaultSettings } from './settings.ts';
import { happened, silent } from './testing/copies.ts';
import { openPipeline } from './testing/pipeline.ts';
import { PermanentError } from './types.ts';

/** What is not woken sleeps until long after the test. */
const settings = { pollMs: 3_600_000 };

test('what is appended, accepted and replayed wakes the relay and the workers, in this process and in another, without polling', async () => {
  await using pipeline = await openPipeline();
  const broker = createLocalBroker({ log: silent });
  let isBroken = true;
  const fail = ({ n }: { n: number }, consumer: string) => {
    if (isBroken && n === 2 && consumer === 'any-order') throw new PermanentError('by hand');
  };
  const receiver = await pipeline.startReceiver(broker, fail, settings);
  // `append` commits on a database of its own, as another process would.
  const sender = await pipeline.startSender(broker, settings);
  await pipeline.append({ key: 'a', n: 1 });
  await pipeline.expectOnce([{ key: 'a', n: 1 }]);
  await pipeline.append({ key: 'a', n: 2 });
  await eventually(async () => expect((await receiver.deadLetters.list()).items).toHaveLength(1));
  isBroken = false;
  expect(await receiver.deadLetters.replayAll({})).toBe(1);
  await pipeline.expectOnce([
    { key: 'a', n: 1 },
    { key: 'a', n: 2 },
  ]);
  expect(await sender.health()).toMatchObject([{ ok: true }, { ok: true }]);
});

test('an append in the process with the leading relay notifies no other process; one in a process with a waiting relay does', async () => {
  await using pipeline = await openPipeline();
  const broker = createLocalBroker({ log: silent });
  await pipeline.startReceiver(broker);
  const heard: string[] = [];
  await pipeline.sender.database.listen(OUTBOX_CHANNEL, (payload) => heard.push(payload));
  await using stack = new AsyncDisposableStack();
  const startProcess = async (instanceId: string) => {
    const common = { log: silent, metrics: new Registry() };
    const database = createDatabase<unknown>({ ...common, url: pipeline.sender.url, name: 'sender' });
    stack.defer(() => database.close());
    const relay = createRelay({
      ...{ service: 'sender', database, broker, log: silent, instanceId, published: () => {} },
      settings: { ...defaultSettings, ...settings },
    });
    await relay.start();
    stack.defer(relay.stop);
    return (n: number) => database.transaction((tx) => createOutbox('sender', database, tx).append(happened, { key: 'a', n }));
  };
  const append = await startProcess('leads');
  await append(1);
  await pipeline.expectOnce([{ key: 'a', n: 1 }]);
  const before = heard.length;
  const appendElsewhere = await startProcess('waits');
  await append(2);
  await pipeline.expectOnce([1, 2].map((n) => ({ key: 'a', n })));
  await appendElsewhere(3);
  await pipeline.expectOnce([1, 2, 3].map((n) => ({ key: 'a', n })));
  await eventually(() => expect(heard.length).toBe(before + 1));
});

test('an append that is not awaited, or whose failure is ignored, takes its transaction with it', async () => {
  await using pipeline = await openPipeline('the relay is never started here');
  const { database } = pipeline.sender;
  await sql`create table states (n integer)`.execute(database.query);
  const state = (work: (append: (n: unknown) => Promise<void>) => unknown) =>
    database.transaction(async (tx) => {
      const { append } = createOutbox('sender', database, tx);
      await sql`insert into states values (1)`.execute(tx);
      await work((n) => append(happened, { key: 'a', n } as never));
    });
  const attempts = [
    (append: (n: unknown) => Promise<void>) => void append(1),
    (append: (n: unknown) => Promise<void>) => void append('no number'),
    (append: (n: unknown) => Promise<void>) => append('no number').catch(() => {}),
    (append: (n: unknown) => Promise<void>) => Promise.allSettled([append(1), append('no number')]),
  ];
  for (const attempt of attempts) await expect(state(attempt)).rejects.toThrow();
  for (const table of ['states', 'outbox']) expect((await sql`select from ${sql.table(table)}`.execute(database.query)).rows).toEqual([]);
  await state((append) => Promise.all([append(1), append(2)]));
  expect((await sql`select from outbox`.execute(database.query)).rows).toHaveLength(2);
});
