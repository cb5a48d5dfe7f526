import { uuidv7 } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { type KyselyPlugin, sql } from 'kysely';
import { expect, test } from 'vitest';
import type { Broker, Outgoing, Rejection } from './broker.ts';
import { createOutbox } from './outbox.ts';
import { createRelay } from './relay.ts';
import { defaultSettings } from './settings.ts';
import { happened, silent } from './testing/copies.ts';
import { openPipeline, type Pipeline } from './testing/pipeline.ts';
import { createTestBus } from './testing/test-bus.ts';

const numberOf = ({ message }: Outgoing): number => (message.data as { n: number }).n;

const reject = (outgoing: readonly Outgoing[], reason: Rejection['reason'], detail: string, of = (_: string) => true): Rejection[] =>
  outgoing.flatMap(({ message: { id }, subscribers }) => subscribers.filter(of).map((subscriber) => ({ id, subscriber, reason, detail })));

/** A bus that takes everything at once, but for what `judge` rejects, and remembers in the order it came what was taken. */
function recorder(judge: (outgoing: readonly Outgoing[]) => Rejection[] = () => []) {
  const taken: number[] = [];
  const broker: Broker = {
    async publish(outgoing) {
      const rejections = judge(outgoing);
      const isTaken = (id: string, by: string) => !rejections.some((rejection) => rejection.id === id && rejection.subscriber === by);
      taken.push(...outgoing.filter(({ message: { id }, subscribers }) => subscribers.some((by) => isTaken(id, by))).map(numberOf));
      return rejections;
    },
    subscribe: async () => ({ stop: async () => {} }),
    observe: async () => ({ stop: async () => {} }),
    health: async () => ({ ok: true }),
    close: async () => {},
  };
  return { broker, taken };
}

const unsent = async ({ sender }: Pipeline): Promise<unknown[]> =>
  (await sql`select from outbox where sent_at is null`.execute(sender.database.query)).rows;

test('what was appended first and committed last is not skipped', async () => {
  await using pipeline = await openPipeline();
  const { broker, taken } = recorder();
  await pipeline.startSender(broker);
  const { promise: release, resolve: commit } = Promise.withResolvers<void>();
  const { promise: appended, resolve: tell } = Promise.withResolvers<void>();
  const late = pipeline.sender.database.transaction(async (tx) => {
    await createOutbox('sender', pipeline.sender.database, tx).append(happened, { key: 'late', n: 1 });
    tell();
    await release;
  });
  await appended;
  await pipeline.append({ key: 'early', n: 2 });
  await eventually(() => expect(taken).toEqual([2]));
  commit();
  await late;
  await eventually(() => expect(taken).toEqual([2, 1]));
});

test('what is rolled back is never published', async () => {
  await using pipeline = await openPipeline();
  const { broker, taken } = recorder();
  await pipeline.startSender(broker);
  const failing = pipeline.sender.database.transaction(async (tx) => {
    await createOutbox('sender', pipeline.sender.database, tx).append(happened, { key: 'a', n: 1 });
    throw new Error('changed my mind');
  });
  await expect(failing).rejects.toThrow('changed my mind');
  await pipeline.append({ key: 'a', n: 2 });
  await eventually(() => expect(taken).toEqual([2]));
});

test('data that does not fit the contract is refused before it is written', async () => {
  await using pipeline = await openPipeline();
  await expect(pipeline.append({ key: 'a', n: 1.5 })).rejects.toThrow(/data of happened does not fit its contract: \/n must be integer/);
  expect(await unsent(pipeline)).toEqual([]);
});

test('an event that is larger than 1 MiB is refused before it is written', async () => {
  await using pipeline = await openPipeline();
  const text = 'ü'.repeat(512 * 1024);
  await expect(pipeline.append({ key: 'a', n: 1, text })).rejects.toThrow(
    /^data of happened has 10\d+ bytes, and an event may have 1048576$/,
  );
  expect(await unsent(pipeline)).toEqual([]);
});

test('large rows are read a few at a time', async () => {
  await using pipeline = await openPipeline();
  const calls: number[] = [];
  const { broker, taken } = recorder((outgoing) => {
    calls.push(outgoing.length);
    return [];
  });
  const text = 'x'.repeat(100_000);
  await pipeline.append(...Array.from({ length: 10 }, (_, n) => ({ key: `${n}`, n, text })));
  await pipeline.startSender(broker, { batchBytes: 250_000 });
  await eventually(async () => expect(await unsent(pipeline)).toEqual([]));
  expect(taken).toEqual(Array.from({ length: 10 }, (_, n) => n));
  expect(calls).toEqual([3, 3, 3, 1]);
});

test('two copies: one relays, and the other takes over when it stops', async () => {
  await using pipeline = await openPipeline();
  const copies = [recorder(), recorder()] as const;
  const first = await pipeline.startSender(copies[0].broker);
  await pipeline.append({ key: 'a', n: 0 });
  await eventually(() => expect(copies[0].taken).toEqual([0]));
  await pipeline.startSender(copies[1].broker);
  for (let n = 1; n <= 20; n++) await pipeline.append({ key: 'a', n });
  await eventually(async () => expect(await unsent(pipeline)).toEqual([]));
  expect(copies[0].taken).toHaveLength(21);
  expect(copies[1].taken).toEqual([]);
  await first.stop();
  await pipeline.append({ key: 'a', n: 21 });
  await eventually(() => expect(copies[1].taken).toEqual([21]));
});

test('a bus that is away counts for nothing: after three failed publishings all goes out once', async () => {
  await using pipeline = await openPipeline();
  let failures = 0;
  const { broker, taken } = recorder(() => {
    if (failures++ < 3) throw new Error('connection refused');
    return [];
  });
  const sender = await pipeline.startSender(broker);
  await pipeline.append({ key: 'a', n: 1 }, { key: 'b', n: 2 });
  await eventually(async () => expect((await sender.health())[0]?.detail).toBe('connection refused'));
  await eventually(async () => expect(await unsent(pipeline)).toEqual([]));
  expect(taken).toEqual([1, 2]);
  expect((await sql`select from outbox_waiting`.execute(pipeline.sender.database.query)).rows).toEqual([]);
});

test('a copy that cannot reach the bus for ten seconds leaves the lead to one that can', async () => {
  await using pipeline = await openPipeline();
  const cutOff = recorder(() => {
    throw new Error('no route to host');
  });
  const well = recorder();
  const first = await pipeline.startSender(cutOff.broker);
  await pipeline.append({ key: 'a', n: 1 });
  await eventually(async () => expect((await first.health())[0]?.detail).toBe('no route to host'));
  await pipeline.startSender(well.broker);
  await eventually(async () => expect(await unsent(pipeline)).toEqual([]), { timeoutMs: 30_000 });
  expect(well.taken).toEqual([1]);
  // The other one stays out as long as this one leads.
  await pipeline.append({ key: 'a', n: 2 });
  await eventually(() => expect(well.taken).toEqual([1, 2]));
});

test('the same where everything waits for a subscriber that does not take it', async () => {
  await using pipeline = await openPipeline();
  let isCut = false;
  const cutOff = recorder((outgoing) => {
    if (isCut) throw new Error('no route to host');
    return reject(outgoing, 'unroutable', 'nobody is there');
  });
  const well = recorder();
  const first = await pipeline.startSender(cutOff.broker);
  const detail = async () => (await first.health())[0]?.detail;
  await pipeline.append({ key: 'a', n: 1 });
  await eventually(async () => expect(await detail()).toBe('happened waits: nobody is there'));
  isCut = true;
  await eventually(async () => expect(await detail()).toBe('no route to host'));
  // Back for one try of the route: it is told what the bus says, and the time counts anew.
  isCut = false;
  await eventually(async () => expect(await detail()).toBe('happened waits: nobody is there'));
  isCut = true;
  await pipeline.startSender(well.broker);
  await eventually(async () => expect(await unsent(pipeline)).toEqual([]), { timeoutMs: 30_000 });
  expect(well.taken).toEqual([1]);
});

test('a busy key does not stall the others: behind 3,000 of its events another leaves with the first batch, and all leave in their order', async () => {
  await using pipeline = await openPipeline();
  const calls: number[][] = [];
  const { broker, taken } = recorder((outgoing) => {
    calls.push(outgoing.map(numberOf));
    return [];
  });
  await sql`
    insert into outbox (message_id, type, version, key, subscribers, correlation_id, traceparent, data)
    select gen_random_uuid(), 'happened', 1, case n when 3001 then 'quiet' else 'busy' end, '{receiver}', '', '', json_build_object('n', n)
    from generate_series(1, 3001) as n`.execute(pipeline.sender.database.query);
  await pipeline.startSender(broker);
  await eventually(async () => expect(await unsent(pipeline)).toEqual([]), { timeoutMs: 60_000 });
  expect(calls.findIndex((call) => call.includes(3_001))).toBeLessThan(20);
  expect(taken.filter((n) => n !== 3_001)).toEqual(Array.from({ length: 3_000 }, (_, n) => n + 1));
});

test('a refused row holds up its key alone; parked, it holds up nobody, and a replay sends it', async () => {
  await using pipeline = await openPipeline();
  let poisonous = true;
  const { broker, taken } = recorder((outgoing) =>
    reject(
      outgoing.filter((item) => poisonous && numberOf(item) === 1),
      'refused',
      'too hot',
    ),
  );
  const sender = await pipeline.startSender(broker, { publishAttempts: 4, backoff: { firstMs: 150, longestMs: 150 } });
  await pipeline.append({ key: 'hot', n: 1 }, { key: 'hot', n: 2 }, { key: 'cold', n: 3 });
  await eventually(() => expect(taken).toEqual([3]));
  await pipeline.append({ key: 'cold', n: 4 }, { key: 'hot', n: 5 });
  await eventually(() => expect(taken).toEqual([3, 4, 2, 5]));
  const { items } = await sender.deadLetters.list();
  expect(items).toMatchObject([
    { box: 'outbox', subscriber: 'receiver', type: 'happened', key: 'hot', attempts: 4, reason: 'too hot', replays: 0 },
  ]);
  poisonous = false;
  expect(await sender.deadLetters.replay(items[0]?.id ?? '')).toBe(true);
  await eventually(() => expect(taken).toEqual([3, 4, 2, 5, 1]));
});

test('a parked row that is older than the longest replay stays where it is', async () => {
  await using pipeline = await openPipeline('the parked row');
  const sender = await pipeline.startSender(recorder().broker);
  await sql`
    insert into outbox (message_id, type, version, key, subscribers, occurred_at, correlation_id, traceparent, data, parked_at, reason)
    values (${uuidv7()}, 'happened', 1, 'a', '{receiver}', now() - interval '20 days', '', '', '{}', now(), 'refused')`.execute(
    pipeline.sender.database.query,
  );
  expect(await sender.deadLetters.replayAll({})).toBe(0);
  expect((await sender.deadLetters.list()).items).toHaveLength(1);
});

test('many messages for an absent subscriber do not keep the others from leaving', async () => {
  await using pipeline = await openPipeline('the messages that wait');
  const bus = createTestBus();
  await bus.connect().subscribe('auditor', ['audited'], async () => {});
  await pipeline.startSender(bus.connect(), { relayBatch: 10 });
  await pipeline.append(...Array.from({ length: 100 }, (_, n) => ({ key: `key ${n}`, n })));
  await pipeline.sender.database.transaction((tx) =>
    createOutbox('sender', pipeline.sender.database, tx).append(
      { ...happened, name: 'audited', subscribers: ['auditor'] },
      { key: 'other', n: 1 },
    ),
  );
  await eventually(async () => {
    const { rows } = await sql`select type from outbox_sent`.execute(pipeline.sender.database.query);
    expect(rows).toEqual([{ type: 'audited' }]);
  });
});

/** Rejects what is for a subscriber that is absent. */
const rejectGone = (outgoing: readonly Outgoing[]): Rejection[] =>
  reject(outgoing, 'unroutable', 'gone is not there', (subscriber) => subscriber === 'gone');

test('a row for an absent subscriber keeps no other of its type from leaving at once', async () => {
  await using pipeline = await openPipeline('the row for the absent one');
  const { broker, taken } = recorder(rejectGone);
  const sender = await pipeline.startSender(broker);
  await pipeline.sender.database.transaction((tx) =>
    createOutbox('sender', pipeline.sender.database, tx).append({ ...happened, subscribers: ['receiver', 'gone'] }, { key: 'old', n: 0 }),
  );
  for (let n = 1; n <= 20; n++) {
    await pipeline.append({ key: `new ${n}`, n });
    // With the one that receiver has, and gone has not.
    await eventually(() => expect(taken).toHaveLength(n + 1));
    expect((await sender.health())[0]?.detail).toBe('happened waits: gone is not there');
  }
  const { rows } = await sql`select data->>'n' as n from outbox where retry_at is not null`.execute(pipeline.sender.database.query);
  expect(rows).toEqual([{ n: '0' }]);
});

test('a subscriber that comes while nobody appends has what waits for it soon, however seldom the relay polls', async () => {
  await using pipeline = await openPipeline();
  let tries = 0;
  const { broker, taken } = recorder((outgoing) => (tries++ < 3 ? reject(outgoing, 'unroutable', 'nobody is there') : []));
  await pipeline.startSender(broker, { pollMs: 60_000 });
  await pipeline.append({ key: 'a', n: 1 }, { key: 'a', n: 2 });
  await eventually(async () => expect(await unsent(pipeline)).toEqual([]), { timeoutMs: 15_000 });
  expect([...new Set(taken)]).toEqual([1, 2]);
});

test('what waits for a subscriber holds up the later rows of its key for that subscriber, of whatever type, and for no other', async () => {
  await using pipeline = await openPipeline();
  let isOpen = false;
  const { broker, taken } = recorder((outgoing) => (isOpen ? [] : rejectGone(outgoing)));
  await pipeline.startSender(broker);
  const appendAll = (...items: readonly (readonly [key: string, n: number, to: 'receiver' | 'gone'])[]) =>
    pipeline.sender.database.transaction(async (tx) => {
      const outbox = createOutbox('sender', pipeline.sender.database, tx);
      for (const [key, n, to] of items) await outbox.append({ ...happened, name: `for-${to}`, subscribers: [to] }, { key, n });
    });
  // From here on the route waits, between one try and the next.
  await appendAll(['first', 0, 'gone'], ['marker', 1, 'receiver']);
  await eventually(() => expect(taken).toEqual([1]));
  await appendAll(['k', 2, 'gone'], ['k', 3, 'receiver'], ['k', 4, 'gone'], ['l', 5, 'receiver'], ['l', 6, 'gone'], ['l', 7, 'receiver']);
  await appendAll(['k', 8, 'gone'], ['k', 9, 'receiver'], ['other', 10, 'receiver']);
  await eventually(() => expect(taken.toSorted((a, b) => a - b)).toEqual([1, 3, 5, 7, 9, 10]));
  for (const ofKey of [
    [3, 9],
    [5, 7],
  ])
    expect(taken.filter((n) => ofKey.includes(n))).toEqual(ofKey);
  isOpen = true;
  await eventually(async () => expect(await unsent(pipeline)).toEqual([]), { timeoutMs: 15_000 });
  // The try that finds it there comes besides.
  expect([...new Set(taken.filter((n) => [2, 4, 8].includes(n)))]).toEqual([2, 4, 8]);
  expect(new Set(taken)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
});

/** Batches of two, so that the next one is read while one is under way. */
const SMALL = { relayBatch: 2, publishAttempts: 3, backoff: { firstMs: 100, longestMs: 100 } };

test('the next batch is read while the bus has one, and no row leaves before the one ahead of it', async () => {
  await using pipeline = await openPipeline('the refused row');
  const { broker, taken } = recorder((outgoing) =>
    reject(
      outgoing.filter((item) => numberOf(item) === 1),
      'refused',
      'too hot',
    ),
  );
  let reads = 0;
  const fresh = new WeakSet<object>();
  const counting: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      const text = JSON.stringify(node);
      if (text.includes('retry_at is null') && !text.includes('update outbox')) fresh.add(queryId);
      return node;
    },
    async transformResult({ result, queryId }) {
      if (fresh.has(queryId)) reads += 1;
      return result;
    },
  };
  // Answers a full batch only when the next one is there.
  const slow: Broker = {
    ...broker,
    async publish(outgoing) {
      const before = reads;
      if (outgoing.length === SMALL.relayBatch) await eventually(() => expect(reads).toBeGreaterThan(before));
      return await broker.publish(outgoing);
    },
  };
  await pipeline.append(...Array.from({ length: 20 }, (_, n) => ({ key: n % 2 === 1 ? 'hot' : `cold ${n % 4}`, n })));
  const { database } = pipeline.sender;
  const relay = createRelay({
    ...{ service: 'sender', broker: slow, log: silent, instanceId: 'only', published: () => {} },
    database: { ...database, query: database.query.withPlugin(counting) },
    settings: { ...defaultSettings, ...SMALL },
  });
  await relay.start();
  const hot = () => taken.filter((n) => n % 2 === 1);
  await eventually(() => expect(taken).toHaveLength(19));
  expect(hot()).toEqual([3, 5, 7, 9, 11, 13, 15, 17, 19]);
  expect(taken.indexOf(3)).toBeGreaterThan(taken.indexOf(18));
  await relay.stop();
});

test('a bus that breaks in the middle: each row of a key follows the one before it', async () => {
  await using pipeline = await openPipeline();
  let calls = 0;
  const { broker, taken } = recorder(() => {
    calls += 1;
    if (calls % 3 === 0) throw new Error('the connection is gone');
    return [];
  });
  await pipeline.append(...Array.from({ length: 20 }, (_, n) => ({ key: `${n % 5}`, n })));
  await pipeline.startSender(broker, SMALL);
  await eventually(async () => expect(await unsent(pipeline)).toEqual([]), { timeoutMs: 15_000 });
  for (const key of [0, 1, 2, 3, 4]) expect(taken.filter((n) => n % 5 === key)).toEqual([0, 5, 10, 15].map((n) => n + key));
});

test('what is ready leaves while the marking of what left is still to come, and leaves once', async () => {
  await using pipeline = await openPipeline();
  const { broker, taken } = recorder();
  await pipeline.append(...Array.from({ length: 200 }, (_, n) => ({ key: `${n % 7}`, n })));
  await pipeline.startSender(broker, SMALL);
  await eventually(async () => expect(await unsent(pipeline)).toEqual([]), { timeoutMs: 15_000 });
  expect(taken).toHaveLength(200);
});

test('what is not with all of its subscribers while they remember what they had is a dead letter, and holds up nobody', async () => {
  await using pipeline = await openPipeline('the parked row');
  const { query } = pipeline.sender.database;
  const { broker, taken } = recorder(rejectGone);
  const sender = await pipeline.startSender(broker, {
    inboxRetentionHours: 48,
    sendWithinHours: 36,
    longestReplayHours: 24,
    outboxRetentionHours: 24,
  });
  const relayHealth = async () => (await sender.health())[0];
  await pipeline.sender.database.transaction((tx) =>
    createOutbox('sender', pipeline.sender.database, tx).append({ ...happened, subscribers: ['receiver', 'gone'] }, { key: 'a', n: 1 }),
  );
  await pipeline.append({ key: 'a', n: 2 });
  await eventually(async () => expect(await relayHealth()).toMatchObject({ detail: 'happened waits: gone is not there' }));
  await sql`update outbox set occurred_at = now() - interval '35 hours'`.execute(query);
  // It is tried again, and not given up.
  await pipeline.append({ key: 'b', n: 3 });
  await eventually(async () => expect(taken).toEqual([1, 2, 3]));
  expect((await sender.deadLetters.list()).items).toEqual([]);
  await sql`update outbox set occurred_at = now() - interval '37 hours' where data->>'n' = '1'`.execute(query);
  const letter = { box: 'outbox', key: 'a', subscriber: 'gone', attempts: 0, reason: 'not with its subscriber within 36 hours' };
  await eventually(async () => expect((await sender.deadLetters.list()).items).toMatchObject([letter]), { timeoutMs: 15_000 });
  await eventually(async () => expect((await relayHealth())?.detail).toBeUndefined());
});
