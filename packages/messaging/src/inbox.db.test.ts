import { testDatabase } from '@stoa/postgres/testing';
import { uuidv7 } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createMessaging, messagingMigrations } from './create-messaging.ts';
import { createInbox } from './inbox.ts';
import { happened, silent } from './testing/copies.ts';
import { createHandBus } from './testing/hand-bus.ts';
import { type Consumer, consumer } from './types.ts';

const message = (changes: object = {}) => ({
  ...{ id: uuidv7(), type: 'happened', version: 1, source: 'sender', key: 'a', occurredAt: new Date().toISOString() },
  ...{ correlationId: 'c', traceparent: '', data: { key: 'a', n: 1 }, ...changes },
});

const handled: unknown[] = [];
const onHappened = consumer<unknown, typeof happened.schema>({
  name: 'on-happened',
  event: happened,
  async handle(_tx, data) {
    handled.push(data);
  },
});

/** A service and the way a bus gets into it. */
async function openReceiver(consumers: readonly Consumer[] = [onHappened]) {
  const fixture = await testDatabase<unknown>({
    sources: [{ name: 'messaging', directory: messagingMigrations }],
    leftoversExpected: 'dead letters',
  });
  const { database } = fixture;
  const { broker, accept } = createHandBus();
  const start = async (declared: readonly Consumer[]) => {
    const common = {
      service: 'receiver',
      database,
      broker,
      log: silent,
      metrics: new Registry(),
      jobs: [],
      crons: [],
      instanceId: uuidv7(),
    };
    const messaging = createMessaging({
      ...common,
      consumers: declared,
      settings: { pollMs: 50, handleAttempts: 2, backoff: { firstMs: 10, longestMs: 20 } },
    });
    await messaging.start();
    return messaging;
  };
  let messaging = await start(consumers);
  return {
    accept,
    query: database.query,
    deadLetters: () => messaging.deadLetters,
    /** Starts again with other consumers, as a new version does. */
    async restart(declared: readonly Consumer[]) {
      await messaging.stop();
      messaging = await start(declared);
    },
    rows: async () =>
      (await sql<Record<string, unknown>>`select consumer, status, type, reason, data from inbox order by id`.execute(database.query)).rows,
    async [Symbol.asyncDispose]() {
      await messaging.stop();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

test.for<[string, unknown, RegExp]>([
  ['text that is no JSON', 'no \0 JSON', /^not a message/],
  ['an envelope without an id', message({ id: undefined }), /^not a message: .*id/],
  ['a NUL in the key', message({ key: 'a\0' }), /^not a message: \/key/],
  ['a type that nobody takes', message({ type: 'unheard-of' }), /no consumer takes unheard-of/],
  [
    'data that does not fit',
    message({ data: { key: 'a', n: 'one' } }),
    /^MisfitError: data does not fit the contract: \/n must be integer/,
  ],
  ['a version that is not known', message({ version: 2 }), /no live copy takes version 2 of happened/],
])('%s is kept as a dead letter, once, and what comes with it is handled', async ([, received, reason]) => {
  await using receiver = await openReceiver();
  const before = handled.length;
  await receiver.accept(received, message(), received);
  await eventually(async () => {
    expect(await receiver.rows()).toMatchObject([{ status: 'dead', reason: expect.stringMatching(reason) }]);
  });
  await eventually(() => expect(handled).toHaveLength(before + 1));
});

test('what Postgres does not take is kept whole, as text, and what comes with it is handled', async () => {
  await using receiver = await openReceiver();
  const before = handled.length;
  const nested = '['.repeat(50_000) + ']'.repeat(50_000);
  const deep = message({ type: 'unheard-of', data: JSON.parse(nested) });
  await receiver.accept(deep, message());
  await eventually(async () => {
    expect(await receiver.rows()).toMatchObject([
      {
        consumer: 'unrouted',
        status: 'dead',
        type: 'unreadable',
        data: JSON.stringify({ ...deep, data: 0 }).replace('"data":0', `"data":${nested}`),
        reason: expect.stringMatching(/stack depth/),
      },
    ]);
    expect(handled).toHaveLength(before + 1);
  });
});

test('what is nested too deep for the engine itself is kept whole too', async () => {
  await using receiver = await openReceiver();
  const before = handled.length;
  const text = `${'[{},'.repeat(200_000)}1${']'.repeat(200_000)}`;
  await receiver.accept(message({ data: JSON.parse(text) }), JSON.parse(text), message());
  await eventually(async () => {
    const rows = await receiver.rows();
    expect(rows).toMatchObject([{ consumer: 'unrouted' }, { consumer: 'unrouted' }]);
    expect(handled).toHaveLength(before + 1);
    for (const { data } of rows) expect(String(data)).toContain(text);
  });
});

test.for([
  ['type', 'unheard-of', "new.type = 'unheard-of'"],
  ['version', 7, 'new.version = 7'],
  ['source', 'odd', "new.source = 'odd'"],
  ['key', 'odd', "new.key = 'odd'"],
  ['occurredAt', '1999-01-01T00:00:00Z', "new.occurred_at < '2000-01-01'"],
  ['correlationId', 'odd', "new.correlation_id = 'odd'"],
  ['traceparent', 'odd', "new.traceparent = 'odd'"],
  ['tracestate', 'odd', "new.tracestate = 'odd'"],
  ['data', { key: 'a', n: 13 }, "json_typeof(new.data) = 'object' and new.data->>'n' = '13'"],
])(
  'whatever it is that Postgres does not take, the message is kept once, and keeps no other out: %s',
  async ([field, value, condition]) => {
    await using fixture = await testDatabase<unknown>({
      sources: [{ name: 'messaging', directory: messagingMigrations }],
      leftoversExpected: 'pending, as nothing works here',
    });
    const { query } = fixture.database;
    await sql`create function refuse() returns trigger language plpgsql as ${sql.lit(`begin raise exception 'odd' using errcode = '22008'; end`)}`.execute(
      query,
    );
    await sql`create trigger refusing before insert on inbox for each row when (${sql.raw(String(condition))}) execute function refuse()`.execute(
      query,
    );
    const { accept } = createInbox(fixture.database, [onHappened], silent);
    const [odd, other] = [message({ [String(field)]: value }), message()];
    await accept([odd, other]);
    await accept([odd, other]);
    const { rows } = await sql`select consumer, status, message_id, reason, data from inbox order by id`.execute(query);
    expect(rows).toEqual([
      { consumer: 'unrouted', status: 'dead', message_id: odd.id, reason: 'the database does not take it: odd', data: JSON.stringify(odd) },
      { consumer: 'on-happened', status: 'pending', message_id: other.id, reason: null, data: other.data },
    ]);
  },
);

test.for(['57014', '40P01', '55P03', '25006', '58030'])(
  'SQLSTATE %s buries nothing: the messages arrive once when they come again',
  async (code) => {
    await using fixture = await testDatabase<unknown>({
      sources: [{ name: 'messaging', directory: messagingMigrations }],
      leftoversExpected: 'pending, as nothing works here',
    });
    const { query } = fixture.database;
    // Only what is to be handled fails, so that a burial would succeed.
    await sql`create function fail() returns trigger language plpgsql as ${sql.lit(`begin raise exception 'passing' using errcode = '${code}'; end`)}`.execute(
      query,
    );
    await sql`create trigger failing before insert on inbox for each row when (new.status = 'pending') execute function fail()`.execute(
      query,
    );
    const { accept } = createInbox(fixture.database, [onHappened], silent);
    const received = [message(), message()];
    const statuses = async () => (await sql<{ status: string }>`select status from inbox`.execute(query)).rows;
    // The pool has a name of its own for a lock that is not free.
    await expect(accept(received)).rejects.toMatchObject(code === '55P03' ? { code: 'database_busy', cause: { code } } : { code });
    expect(await statuses()).toEqual([]);
    await sql`drop trigger failing on inbox`.execute(query);
    await accept(received);
    await accept(received);
    expect(await statuses()).toEqual([{ status: 'pending' }, { status: 'pending' }]);
  },
);

test('a replay of an unheard-of type reaches the consumer that has come since', async () => {
  await using receiver = await openReceiver([]);
  await receiver.restart([
    consumer<unknown, typeof happened.schema>({ ...onHappened, event: { ...happened, name: 'other' }, name: 'on-other' }),
  ]);
  const { id, ...rest } = message({ data: { key: 'a', n: 42 } });
  await receiver.accept({ id, ...rest });
  const dead = await eventually(async () => {
    const [letter] = (await receiver.deadLetters().list()).items;
    expect(letter).toBeDefined();
    return letter;
  });
  await receiver.restart([onHappened]);
  expect(await receiver.deadLetters().replay(dead?.id ?? '')).toBe(true);
  await eventually(() => expect(handled).toContainEqual({ key: 'a', n: 42 }));
});

test('a dead letter that is replayed unchanged is dead again, with its replays counted', async () => {
  await using receiver = await openReceiver();
  await receiver.accept(message({ data: { key: 'a', n: 'one' } }));
  const dead = await eventually(async () => {
    const [letter] = (await receiver.deadLetters().list()).items;
    expect(letter).toBeDefined();
    return letter;
  });
  expect(await receiver.deadLetters().replay(dead?.id ?? '', 'ada')).toBe(true);
  await eventually(async () => expect((await receiver.deadLetters().list()).items).toMatchObject([{ id: dead?.id, replays: 1 }]));
  expect(handled).not.toContainEqual({ key: 'a', n: 'one' });
});

test('dead letters are listed newest first, page by page, by filter, and without their data', async () => {
  await using receiver = await openReceiver();
  for (let n = 0; n < 5; n++) await receiver.accept(message({ key: `key ${n}`, data: { key: 'a', n: 'one' } }));
  await receiver.accept(message({ type: 'unheard-of' }));
  await eventually(async () => {
    const rows = await receiver.rows();
    expect(rows.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 'dead'));
  });
  // They failed for the last time in any order.
  await sql`update inbox set failed_at = now() + id * interval '1 s'`.execute(receiver.query);
  const letters = receiver.deadLetters();
  const first = await letters.list({ type: 'happened' }, { limit: 3 });
  const second = await letters.list({ type: 'happened' }, { limit: 3, cursor: first.nextCursor ?? '' });
  expect([...first.items, ...second.items].map(({ key }) => key)).toEqual(['key 4', 'key 3', 'key 2', 'key 1', 'key 0']);
  expect(second.nextCursor).toBeNull();
  expect(first.items[0]).not.toHaveProperty('data');
  expect(await letters.get(first.items[0]?.id ?? '')).toMatchObject({ key: 'key 4', data: { key: 'a', n: 'one' } });
  expect(await letters.get('inbox-999999')).toBeUndefined();
  expect(await letters.replay('nonsense')).toBe(false);
  await expect(letters.list({}, { cursor: 'nonsense' })).rejects.toMatchObject({ code: 'invalid_cursor' });
});
