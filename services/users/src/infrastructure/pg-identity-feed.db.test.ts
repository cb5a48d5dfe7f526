import { migrationSourcesOf } from '@stoa/kit';
import { testDatabase } from '@stoa/postgres/testing';
import { systemClock, uuidv7 } from '@stoa/service';
import { sql, type Transaction } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { users } from '../index.ts';
import { createPgIdentityFeed } from './pg-identity-feed.ts';
import type { UsersTables } from './tables.ts';

/** What runs in whichever database of a server counts in its snapshots, so that these tests hold beside any others. */
const sources = migrationSourcesOf(users);
let fixture: Awaited<ReturnType<typeof testDatabase<UsersTables>>>;
let elsewhere: Awaited<ReturnType<typeof testDatabase<unknown>>>;

beforeAll(async () => {
  [fixture, elsewhere] = await Promise.all([testDatabase<UsersTables>({ sources }), testDatabase<unknown>({ sources: [] })]);
});
afterAll(() => Promise.all([fixture[Symbol.asyncDispose](), elsewhere[Symbol.asyncDispose]()]));

const signal = new AbortController().signal;

async function revoke(db: Transaction<UsersTables> | typeof fixture.database.query = fixture.database.query): Promise<string> {
  const id = uuidv7();
  await sql`insert into revocations (session_id, expires_at) values (${id}, now() + interval '6 minutes')`.execute(db);
  return id;
}

/** A transaction that has written, and stays open until `end`. */
async function open<T>(
  database: { transaction<R>(work: (tx: Transaction<never>) => Promise<R>): Promise<R> },
  write: (tx: never) => Promise<T>,
) {
  const opened = Promise.withResolvers<T>();
  const ending = Promise.withResolvers<void>();
  const done = database.transaction(async (tx) => {
    opened.resolve(await write(tx as never));
    await ending.promise;
  });
  const written = await opened.promise;
  return {
    written,
    end: async () => {
      ending.resolve();
      await done;
    },
  };
}
const openElsewhere = () => open(elsewhere.database as never, (tx) => sql`create table import (n integer)`.execute(tx));

/** A client of the feed, which asks always from where the last answer was. */
function asker(first?: string) {
  const feed = createPgIdentityFeed(fixture.database.query, systemClock);
  let place: { cursor?: string; version?: string } = first === undefined ? {} : { cursor: first };
  const ask = async (wait = false) => {
    const { cursor, version, revocations } = await feed.answer({ ...place, wait, used: [] }, signal);
    place = { cursor: place.cursor === undefined ? `${cursor}:${cursor}:` : cursor, version };
    return revocations.map(({ id }) => id);
  };
  return { ask, wake: () => feed.wake(), cursor: () => place.cursor as string };
}

/** One that knows all there is. */
async function caughtUp() {
  const one = asker();
  await one.ask();
  await one.ask();
  return one;
}

describe('while a transaction is open in another database of the server', () => {
  test('each change is announced once, and the feed is idle in between', async () => {
    const transaction = await openElsewhere();
    const one = await caughtUp();
    const ended = [await revoke(), await revoke()];
    expect((await one.ask()).toSorted()).toEqual(ended);
    expect(await one.ask()).toEqual([]);
    const held = one.ask(true);
    const next = await revoke();
    one.wake();
    expect(await held).toEqual([next]);
    expect(await one.ask()).toEqual([]);
    await transaction.end();
    expect(await one.ask()).toEqual([]);
    await sql`drop table import`.execute(elsewhere.database.query);
  });

  test('a client that asks by number, as the previous version does, misses nothing and is answered by number', async () => {
    const transaction = await openElsewhere();
    const one = asker('3');
    await one.ask();
    const ended = await revoke();
    expect(await one.ask()).toContain(ended);
    expect(one.cursor()).toMatch(/^\d+$/);
    await transaction.end();
    await sql`drop table import`.execute(elsewhere.database.query);
  });
});

test('what commits late is announced when it has committed, and once', async () => {
  const one = await caughtUp();
  const late = await open(fixture.database as never, revoke);
  const early = await revoke();
  expect(await one.ask()).toEqual([early]);
  expect(await one.ask()).toEqual([]);
  await late.end();
  expect(await one.ask()).toEqual([late.written]);
  expect(await one.ask()).toEqual([]);
});

test('each of 200 that commit in any order is announced once to each client that asks meanwhile', async () => {
  const askers = await Promise.all([caughtUp(), caughtUp(), caughtUp()]);
  const heard = askers.map((): string[] => []);
  const askAll = async () => {
    const answers = await Promise.all(askers.map(({ ask }) => ask()));
    for (const [index, ids] of answers.entries()) heard[index]?.push(...ids);
  };
  const ended: string[] = [];
  for (let round = 0; round < 40; round += 1) {
    const transactions = await Promise.all(Array.from({ length: 5 }, () => open(fixture.database as never, revoke)));
    ended.push(...transactions.map(({ written }) => written));
    const inAnyOrder = transactions.toSorted((one, other) => (one.written.at(-1) as string).localeCompare(other.written.at(-1) as string));
    for (const [index, { end }] of inAnyOrder.entries()) await Promise.all([end(), ...(index % 2 === 0 ? [askAll()] : [])]);
  }
  await askAll();
  for (const ids of heard) expect(ids.toSorted()).toEqual(ended.toSorted());
});

describe('a cursor that is not of this database', () => {
  test.for(['9000000000000000000', '9000000000000000000:9000000000000000000:', '1:9000000000000000000:'])(
    'means all: the database was restored (%s)',
    async (cursor) => {
      const ended = await revoke();
      expect(await asker(cursor).ask()).toContain(ended);
    },
  );

  test.for(['99999999999999999999', '5:3:', '1:99999999999999999999:', '1:2:99999999999999999999'])(
    'means all, and is no failure: %s',
    async (cursor) => {
      const ended = await revoke();
      expect(await asker(cursor).ask()).toContain(ended);
    },
  );
});
