import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Broker,
  consumer,
  createLocalBroker,
  createMessageWriters,
  createMessaging,
  type Messaging,
  messagingMigrations,
} from '@stoa/messaging';
import { createDatabase, type Database, ensureDatabase, migrate, startEmbeddedPostgres } from '@stoa/postgres';
import { databaseFolder } from '@stoa/postgres/testing';
import { createLog, createMetrics } from '@stoa/service';
import { sql, type Transaction } from 'kysely';
import { Type } from 'typebox';
import { inTurns, type Result, type Workload } from './workload.ts';

export const EVENTS = 10_000;
export const ROUNDS = 3;

export const log = createLog({ level: 'silent' });
export const happened = {
  name: 'bench-happened',
  version: 1,
  source: 'sender',
  description: 'An event of ordinary size.',
  schema: Type.Object({ n: Type.Integer(), text: Type.String() }, { additionalProperties: false }),
  example: { n: 1, text: 'x' },
  key: ({ n }: { n: number }) => String(n % 1000),
  subscribers: ['receiver'],
} as const;
export const text = 'x'.repeat(200);

/** How events are appended, and the rows of the floor written. */
export interface Shape {
  readonly perTransaction: number;
  /** Transactions under way at a time. */
  readonly atOnce: number;
}
const LARGE: Shape = { perTransaction: 50, atOnce: 1 };

/** Two services with a database each, on a durable Postgres. */
export interface Sides {
  readonly sender: Database<unknown>;
  readonly receiver: Database<unknown>;
  readonly urls: { readonly sender: string; readonly receiver: string };
}

/**
 * Events from the outbox of one service through the bus and the inbox of another until they are handled, on a durable
 * Postgres, beside plain inserts of the same rows: once as the outbox would hold them, once as the inbox would. First in large
 * transactions, one after the other; then as requests make them: one event in each, eight at a time.
 */
export const pipeline: Workload = () =>
  withSides(async (sides) => [
    await measure(sides, 'events, 50 in a transaction, outbox → bus → inbox → handled', LARGE),
    await measure(sides, 'events, one in a transaction, 8 at once, outbox → bus → inbox → handled', { perTransaction: 1, atOnce: 8 }),
  ]);

async function measure(sides: Sides, what: string, shape: Shape): Promise<Result> {
  const { value, floor } = await inTurns(
    ROUNDS,
    async () => {
      const broker = createLocalBroker({ log });
      const perSecond = await eventsPerSecond(sides, broker, broker, shape);
      await broker.close();
      return perSecond;
    },
    () => insertsPerSecond(sides.sender, shape),
  );
  return { what, value, unit: 'events/s', floor };
}

export async function withSides<T>(work: (sides: Sides) => Promise<T>): Promise<T> {
  await using folder = await databaseFolder(tmpdir());
  const postgres = await startEmbeddedPostgres({ directory: join(folder.path, 'postgres'), log });
  const [sender, receiver] = await Promise.all([openDatabase(postgres.url, 'sender'), openDatabase(postgres.url, 'receiver')]);
  try {
    const urls = { sender: sender.url, receiver: receiver.url };
    return await work({ sender: sender.database, receiver: receiver.database, urls });
  } finally {
    await Promise.all([sender.database.close(), receiver.database.close()]);
    await postgres.stop();
  }
}

async function openDatabase(adminUrl: string, name: string): Promise<{ url: string; database: Database<unknown> }> {
  const url = await ensureDatabase({ adminUrl, database: name, role: name, password: 'bench' });
  await migrate({ url, sources: [{ name: 'messaging', directory: messagingMigrations }], log });
  return { url, database: createDatabase({ url, name, log, metrics: createMetrics() }) };
}

/** From the first append until the last event is handled. */
export async function eventsPerSecond(
  { sender, receiver }: Sides,
  sendersBroker: Broker,
  receiversBroker: Broker,
  shape: Shape = LARGE,
): Promise<number> {
  const receiving = createReceiver(receiver, receiversBroker);
  const sending = createSender(sender, sendersBroker);
  await receiving.start();
  await sending.start();
  const begun = performance.now();
  await appendAll(sender, shape);
  await receiving.allHandled;
  const seconds = (performance.now() - begun) / 1000;
  await sending.stop();
  await receiving.stop();
  return EVENTS / seconds;
}

const common = { log, jobs: [], crons: [], instanceId: 'bench' };

export const createSender = (database: Database<unknown>, broker: Broker): Messaging =>
  createMessaging({ ...common, broker, service: 'sender', database, metrics: createMetrics(), consumers: [] });

export function createReceiver(database: Database<unknown>, broker: Broker): Messaging & { readonly allHandled: Promise<void> } {
  const { promise: allHandled, resolve } = Promise.withResolvers<void>();
  let handled = 0;
  const handle = async () => {
    handled += 1;
    if (handled === EVENTS) resolve();
  };
  const consumers = [consumer({ name: 'on-bench-happened', event: happened, handle })];
  const messaging = createMessaging({ ...common, broker, service: 'receiver', database, metrics: createMetrics(), consumers });
  return { ...messaging, allHandled };
}

export const outboxOf = (database: Database<unknown>) => createMessageWriters('sender', database).outbox;

export const appendAll = (database: Database<unknown>, shape: Shape = LARGE): Promise<void> =>
  inTransactions(database, shape, async (tx, numbers) => {
    const outbox = outboxOf(database)(tx);
    await Promise.all(numbers.map((n) => outbox.append(happened, { n, text })));
  });

/** As many rows as the pipeline writes, in transactions of the same size, nothing read or changed. */
async function insertsPerSecond(database: Database<unknown>, shape: Shape): Promise<number> {
  await sql`create table if not exists floor (id uuid primary key default gen_random_uuid(), type text not null, key text not null, data json not null)`.execute(
    database.query,
  );
  const begun = performance.now();
  for (let table = 0; table < 2; table += 1) {
    await inTransactions(database, shape, async (tx, numbers) => {
      const rows = numbers.map((n) => sql`(${happened.name}, ${String(n)}, ${JSON.stringify({ n, text })})`);
      await sql`insert into floor (type, key, data) values ${sql.join(rows)}`.execute(tx);
    });
  }
  return EVENTS / ((performance.now() - begun) / 1000);
}

/** Runs `work` for each number below `EVENTS`, with several numbers in each transaction. */
async function inTransactions(
  database: Database<unknown>,
  { perTransaction, atOnce }: Shape,
  work: (tx: Transaction<unknown>, numbers: readonly number[]) => Promise<void>,
): Promise<void> {
  let next = 0;
  const writer = async () => {
    while (next < EVENTS) {
      const numbers = Array.from({ length: perTransaction }, () => next++);
      await database.transaction((tx) => work(tx, numbers));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, writer));
}
