import { createDatabase } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import { uuidv7 } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { type TSchema, Type } from 'typebox';
import { expect, test } from 'vitest';
import { createMessaging, messagingMigrations } from './create-messaging.ts';
import { createMessageWriters } from './message-writers.ts';
import { silent } from './testing/copies.ts';
import { createHandBus } from './testing/hand-bus.ts';
import { type Consumer, type Cron, consumer, type EventContract, type Job, job } from './types.ts';

const contract = <S extends TSchema>(version: number, schema: S) =>
  ({
    name: 'paid',
    version,
    source: 'orders',
    description: '',
    schema,
    example: {} as never,
    key: () => '',
    subscribers: ['products'],
  }) satisfies EventContract<S>;
const First = Type.Object({ n: Type.Integer() }, { additionalProperties: false });
const Second = Type.Object({ number: Type.Integer() }, { additionalProperties: false });
const first = contract(1, First);
const second = contract(2, Second);

const KEYS = 5;
const message = (n: number, version: number, data: object = version === 1 ? { n } : { number: n }) => ({
  ...{ id: uuidv7(), type: 'paid', version, source: 'orders', key: `key ${n % KEYS}`, occurredAt: new Date().toISOString() },
  ...{ correlationId: 'c', traceparent: '', data },
});

const MORE_THAN_A_TEST_LASTS = 10_000;

async function openService(leftoversExpected = '') {
  const sources = [{ name: 'messaging', directory: messagingMigrations }];
  const fixture = await testDatabase<unknown>({ sources, ...(leftoversExpected && { leftoversExpected }) });
  const { query } = fixture.database;
  await sql`create table effects (id bigint generated always as identity, consumer text, build text, n integer)`.execute(query);
  const stops: (() => Promise<void>)[] = [];
  const write = (build: string, name: string) => async (tx: Parameters<Job['handle']>[0], n: number) => {
    await sql`insert into effects (consumer, build, n) values (${name}, ${build}, ${n})`.execute(tx);
  };
  const old = (build = 'old'): Consumer[] =>
    [true, false].map((ordered) => {
      const name = ordered ? 'in-order' : 'any-order';
      return consumer<unknown, typeof First>({ name, event: first, ordered, handle: (tx, { n }) => write(build, name)(tx, n) });
    });
  const renewed = (build = 'new'): Consumer[] =>
    [true, false].map((ordered) => {
      const name = ordered ? 'in-order' : 'any-order';
      const earlier = [{ event: first, upcast: ({ n }: { n: number }) => ({ number: n }) }];
      return consumer<unknown, typeof Second>({
        name,
        event: second,
        earlier,
        ordered,
        handle: (tx, { number }) => write(build, name)(tx, number),
      });
    });
  return {
    database: fixture.database,
    query,
    write,
    old,
    renewed,
    /** One more copy, of a build with these consumers and jobs. @returns how the bus brings it messages. */
    async start(
      consumers: readonly Consumer[],
      jobs: readonly Job[] = [],
      handleAttempts = MORE_THAN_A_TEST_LASTS,
      crons: readonly Cron[] = [],
    ) {
      const database = createDatabase<unknown>({
        url: fixture.url,
        name: 'products',
        log: silent,
        metrics: new Registry(),
        maxConnections: 4,
      });
      const { broker, accept } = createHandBus();
      const metrics = new Registry();
      const messaging = createMessaging<unknown>({
        ...{
          service: 'products',
          database,
          broker,
          log: silent,
          metrics,
          consumers,
          jobs,
          crons,
          instanceId: uuidv7(),
        },
        settings: { pollMs: 50, backoff: { firstMs: 20, longestMs: 100 }, announceMs: 50, pruneEveryMs: 50, handleAttempts },
      });
      await messaging.start();
      const stop = async () => {
        await messaging.stop();
        await database.close();
      };
      stops.push(stop);
      return {
        messaging,
        metrics,
        enqueue: (which: Job, data: object) =>
          database.transaction((tx) => createMessageWriters('products', database).jobs(tx).enqueue(which, data)),
        accept,
        async stop() {
          stops.splice(stops.indexOf(stop), 1);
          await stop();
        },
      };
    },
    effects: async (name: string) =>
      (await sql<{ n: number }>`select n from effects where consumer = ${name} order by id`.execute(query)).rows.map(({ n }) => n),
    rows: async () =>
      (
        await sql<{ status: string; reason: string | null }>`select consumer, status, reason, attempts from inbox order by id`.execute(
          query,
        )
      ).rows,
    async [Symbol.asyncDispose]() {
      await Promise.all(stops.map((stop) => stop()));
      await fixture[Symbol.asyncDispose]();
    },
  };
}

const expectOrder = (effects: readonly number[]) => {
  for (const [, ofKey = []] of Map.groupBy(effects, (n) => n % KEYS)) expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b));
};

test('two builds side by side, two versions of an event: none is dead, lost or handled twice, and keys keep their order', async () => {
  await using service = await openService();
  const builds = [await service.start(service.old()), await service.start(service.renewed())];
  const sent = Array.from({ length: 200 }, (_, n) => message(n, n % 3 === 0 ? 2 : 1));
  for (const [index, one] of sent.entries()) await builds[index % 2]?.accept(one);
  await builds[0]?.accept(...sent.slice(0, 50));
  for (const name of ['in-order', 'any-order']) {
    await eventually(async () => expect((await service.effects(name)).toSorted((a, b) => a - b)).toEqual(sent.map((_, n) => n)), {
      timeoutMs: 20_000,
    });
  }
  expectOrder(await service.effects('in-order'));
  expect(await service.rows()).toEqual([]);
  const { rows } = await sql`select build from effects group by build order by build`.execute(service.query);
  expect(rows).toEqual([{ build: 'new' }, { build: 'old' }]);
}, 60_000);

test('what no copy takes yet waits, with those behind it of its key, and is handled when a copy comes that does', async () => {
  await using service = await openService();
  const old = await service.start(service.old());
  await old.accept(message(0, 2), message(5, 1), message(1, 1));
  await eventually(async () => expect(await service.effects('in-order')).toEqual([1]));
  expect((await old.messaging.health())[1]?.detail ?? '').not.toMatch(/no live copy has/);
  await service.start(service.renewed());
  await eventually(async () => expect(await service.effects('in-order')).toEqual([1, 0, 5]));
  await eventually(async () => expect(await service.rows()).toEqual([]));
});

const onOther = consumer({ name: 'on-other', event: { ...first, name: 'other' }, handle: async () => {} });

test('a type that nobody comes for is dead when its tries are over', async () => {
  await using service = await openService('the dead letters');
  const old = await service.start([onOther], [], 3);
  await old.accept(message(1, 1), { ...message(2, 1), type: 'unheard-of' });
  await eventually(async () =>
    expect((await service.rows()).map(({ status, reason }) => [status, reason])).toEqual([
      ['dead', expect.stringMatching(/^MisfitError: no consumer takes paid/)],
      ['dead', expect.stringMatching(/^MisfitError: no consumer takes unheard-of/)],
    ]),
  );
});

test('a type that no copy takes yet waits for one that does', async () => {
  await using service = await openService();
  const old = await service.start([onOther]);
  await old.accept(message(1, 1));
  await eventually(async () => expect(await service.rows()).toMatchObject([{ status: 'pending', attempts: expect.any(Number) }]));
  await service.start(service.old());
  for (const name of ['in-order', 'any-order']) await eventually(async () => expect(await service.effects(name)).toEqual([1]));
});

test('data that only the schema of a newer copy takes wait for it, with what is behind them of their key', async () => {
  await using service = await openService();
  const ordered = (status: TSchema) => {
    const Data = Type.Object({ n: Type.Integer(), status });
    return consumer<unknown, typeof Data>({
      name: 'in-order',
      event: contract(1, Data),
      ordered: true,
      handle: (tx, { n }) => service.write('any', 'in-order')(tx, n),
    });
  };
  const old = await service.start([ordered(Type.Enum(['open', 'paid']))]);
  await old.accept(
    message(0, 1, { n: 0, status: 'refunded' }),
    message(5, 1, { n: 5, status: 'paid' }),
    message(1, 1, { n: 1, status: 'open' }),
  );
  await eventually(async () => expect(await service.effects('in-order')).toEqual([1]));
  await eventually(async () =>
    expect((await service.rows())[0]).toMatchObject({
      status: 'pending',
      reason: expect.stringMatching(/^MisfitError: data does not fit the contract: \/status/),
    }),
  );
  await service.start([ordered(Type.Enum(['open', 'paid', 'refunded']))]);
  await eventually(async () => expect(await service.effects('in-order')).toEqual([1, 0, 5]));
  await eventually(async () => expect(await service.rows()).toEqual([]));
});

test('a new field of an event does not disturb an old reader, and a broken message is dead when its tries are over', async () => {
  await using service = await openService('the dead letter');
  const old = await service.start([service.old()[1] as Consumer], [], 3);
  await old.accept(message(1, 1, { n: 1, reasonCode: 'x' }), message(2, 1, { n: 'two' }));
  await eventually(async () => expect(await service.effects('any-order')).toEqual([1]));
  await eventually(async () =>
    expect(await service.rows()).toMatchObject([
      { status: 'dead', attempts: 3, reason: expect.stringMatching(/^MisfitError: data does not fit the contract: \/n/) },
    ]),
  );
});

test('two consumers of two versions get what is theirs, one row a message', async () => {
  await using service = await openService();
  const taker = <S extends TSchema>(name: string, event: EventContract<S>) =>
    consumer<unknown, S>({ name, event, handle: (tx) => service.write('both', name)(tx, 1) });
  const copy = await service.start([taker('on-first', first), taker('on-second', second)]);
  await copy.accept(message(1, 1), message(2, 2));
  for (const name of ['on-first', 'on-second']) await eventually(async () => expect(await service.effects(name)).toEqual([1]));
  expect(await service.rows()).toEqual([]);
});

test('a consumer that only another live copy has gets what this one accepts, once, beside the consumers here, and no job does', async () => {
  await using service = await openService();
  const taker = (name: string) =>
    consumer<unknown, typeof First>({ name, event: first, handle: (tx, { n }) => service.write('any', name)(tx, n) });
  const onPaid = taker('on-paid');
  const ofTheSameName = job<unknown, typeof First>({ name: 'paid', data: First, handle: async () => {} }) as Job;
  const old = await service.start([onPaid], [ofTheSameName]);
  const renewed = await service.start([onPaid, taker('on-paid-invoice')], [ofTheSameName]);
  let sent = 0;
  // Until the old copy has read what the new one takes.
  await eventually(async () => {
    await old.accept(message(++sent, 1));
    expect(await service.effects('on-paid-invoice')).not.toEqual([]);
  });
  const rest = Array.from({ length: 20 }, () => message(++sent, 1));
  await old.accept(...rest);
  await renewed.accept(...rest);
  const numbers = rest.map(({ data }) => (data as { n: number }).n);
  const sorted = async (name: string) => (await service.effects(name)).toSorted((a, b) => a - b);
  for (const name of ['on-paid', 'on-paid-invoice'])
    await eventually(async () => expect((await sorted(name)).slice(-rest.length)).toEqual(numbers));
  expect(await sorted('on-paid')).toEqual(Array.from({ length: sent }, (_, n) => n + 1));
  await eventually(async () => expect(await service.rows()).toEqual([]));

  // What it is given ends with the copy that has it.
  await renewed.stop();
  await eventually(async () => {
    const one = message(++sent, 1);
    await old.accept(one);
    const { rows } = await sql`select from inbox_seen where message_id = ${one.id} and consumer = 'on-paid-invoice'`.execute(service.query);
    expect(rows).toEqual([]);
  });
  await sql`delete from inbox where consumer = 'on-paid-invoice'`.execute(service.query);
});

test('a job of a version that only a newer copy knows is left to it, and the newer copy does those of the old one', async () => {
  await using service = await openService();
  const { write } = service;
  const Old = Type.Object({ a: Type.Integer() }, { additionalProperties: false });
  const New = Type.Object({ b: Type.Integer() }, { additionalProperties: false });
  const oldJob = job<unknown, typeof Old>({ name: 'work', data: Old, handle: (tx, { a }) => write('old', 'work')(tx, a) }) as Job;
  const newJob = job<unknown, typeof New>({
    ...{ name: 'work', version: 2, data: New, earlier: [{ version: 1, data: Old, upcast: ({ a }: { a: number }) => ({ b: a }) }] },
    handle: (tx, { b }) => write('new', 'work')(tx, b),
  }) as Job;
  const old = await service.start([], [oldJob]);
  await old.enqueue(newJob, { b: 2 });
  await old.enqueue(oldJob, { a: 1 });
  await eventually(async () => expect(await service.effects('work')).toEqual([1]));
  const renewed = await service.start([], [newJob]);
  await eventually(async () => expect(await service.effects('work')).toEqual([1, 2]));
  await old.stop();
  await renewed.enqueue(oldJob, { a: 3 });
  await eventually(async () => expect(await service.effects('work')).toEqual([1, 2, 3]));
});

test('rows of a consumer that no live copy has are named by health and counted by a gauge until a copy has it', async () => {
  await using service = await openService();
  const [inOrder, anyOrder] = service.old() as [Consumer, Consumer];
  const renamed = { ...anyOrder, name: 'old-name' };
  const before = await service.start([renamed]);
  await before.stop();
  await sql`
    insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data)
    values ('old-name', gen_random_uuid(), 'paid', 1, 'orders', 'k', now(), '', '', '{"n":1}')`.execute(service.query);
  const after = await service.start([inOrder]);
  const inbox = async () => (await after.messaging.health())[1];
  await eventually(async () =>
    expect(await inbox()).toMatchObject({
      ok: false,
      background: true,
      detail: expect.stringContaining('1 wait for old-name, which no live copy has'),
    }),
  );
  const gauge = async () => (await after.metrics.metrics()).match(/^stoa_inbox_unclaimed\{.*$/gm);
  await eventually(async () => expect(await gauge()).toEqual(['stoa_inbox_unclaimed{service="products",consumer="old-name"} 1']));
  // A copy that has it, as in a rolling update.
  await service.start([renamed]);
  await eventually(async () => expect(await inbox()).toEqual({ name: 'inbox', ok: true, background: true }));
  await eventually(async () => expect(await gauge()).toBeNull());
});

test('the ids in the data of an event and of a job reach their handlers in lower case, however they were written', async () => {
  await using service = await openService();
  const id = uuidv7();
  const Data = Type.Object(
    {
      id: Type.String({ format: 'uuid' }),
      others: Type.Array(Type.Union([Type.String({ format: 'uuid' }), Type.Null()])),
      note: Type.String(),
    },
    { additionalProperties: false },
  );
  const written = { id: id.toUpperCase(), others: [id.toUpperCase(), null], note: id.toUpperCase() };
  const handled: unknown[] = [];
  const onPaid = consumer<unknown, typeof Data>({
    name: 'on-paid',
    event: contract(1, Data),
    handle: async (_tx, data, message) => void handled.push(data, message.data),
  });
  const work = job<unknown, typeof Data>({ name: 'work', data: Data, handle: async (_tx, data) => void handled.push(data) });
  const copy = await service.start([onPaid], [work as Job]);
  await copy.accept(message(1, 1, written));
  const read = { ...written, id, others: [id, null] };
  await eventually(() => expect(handled).toEqual([read, read]));
  await copy.enqueue(work as Job, written);
  await eventually(() => expect(handled).toEqual([read, read, read]));
});

test('a job that has another name now does what was enqueued under the former one, and its cron runs under the new one alone', async () => {
  await using service = await openService();
  const { write, query } = service;
  const Data = Type.Object({ n: Type.Optional(Type.Integer()) }, { additionalProperties: false });
  const declare = (build: string, name: string, formerNames?: readonly string[]) =>
    job<unknown, typeof Data>({
      name,
      ...(formerNames && { formerNames }),
      data: Data,
      handle: (tx, { n = 0 }) => write(build, 'work')(tx, n),
    }) as Job;
  const old = declare('old', 'let-go');
  const renamed = declare('new', 'detach', ['let-go']);
  const hourly = (name: string) => [{ job: name, everySeconds: 3_600 }];
  const before = await service.start([], [old], MORE_THAN_A_TEST_LASTS, hourly('let-go'));
  await eventually(async () => expect(await service.effects('work')).toEqual([0]));
  await before.enqueue(old, { n: 1 });
  await eventually(async () => expect(await service.effects('work')).toEqual([0, 1]));
  await before.stop();
  const jobs = createMessageWriters('products', service.database).jobs;
  await service.database.transaction((tx) => jobs(tx).enqueue(old, { n: 2 }));

  const after = await service.start([], [renamed], MORE_THAN_A_TEST_LASTS, hourly('detach'));
  await eventually(async () => expect((await service.effects('work')).toSorted()).toEqual([0, 0, 1, 2]));
  await after.enqueue(renamed, { n: 3 });
  await eventually(async () => expect((await service.effects('work')).toSorted()).toEqual([0, 0, 1, 2, 3]));
  expect((await sql`select job from cron`.execute(query)).rows).toEqual([{ job: 'detach' }]);
  await eventually(async () => expect((await after.messaging.health())[1]).toEqual({ name: 'inbox', ok: true, background: true }));
});
