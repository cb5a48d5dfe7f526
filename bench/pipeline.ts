import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Broker, consumer, createLocalBroker, createMessaging, type Messaging, messagingMigrations } from '@stoa/messaging';
import { createDatabase, type Database, ensureDatabase, migrate, startEmbeddedPostgres } from '@stoa/postgres';
import { createLog, createMetrics } from '@stoa/service';
import { sql } from 'kysely';
import { Type } from 'typebox';
import { median, type Workload } from './workload.ts';

export const EVENTS = 10_000;
const PER_TRANSACTION = 50;
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

/** Two services with a database each, on a durable Postgres. */
export interface Sides {
  readonly sender: Database<unknown>;
  readonly receiver: Database<unknown>;
  readonly urls: { readonly sender: string; readonly receiver: string };
}

/**
 * Events from the outbox of one service through the bus and the inbox of another until they are handled, on a durable
 * Postgres, beside plain inserts of the same rows: once as the outbox would hold them, once as the inbox would.
 */
export const pipeline: Workload = () =>
  withSides(async (sides) => {
    const values: number[] = [];
    const floors: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      floors.push(await insertsPerSecond(sides.sender));
      const broker = createLocalBroker({ log });
      values.push(await eventsPerSecond(sides, broker, broker));
      await broker.close();
    }
    return [{ what: 'events, outbox → bus → inbox → handled', value: median(values), unit: 'events/s', floor: median(floors) }];
  });

export async function withSides<T>(work: (sides: Sides) => Promise<T>): Promise<T> {
  const folder = await mkdtemp('/tmp/stoa-bench-');
  const postgres = await startEmbeddedPostgres({ directory: join(folder, 'postgres'), log });
  const [sender, receiver] = await Promise.all([openDatabase(postgres.url, 'sender'), openDatabase(postgres.url, 'receiver')]);
  try {
    const urls = { sender: sender.url, receiver: receiver.url };
    return await work({ sender: sender.database, receiver: receiver.database, urls });
  } finally {
    await Promise.all([sender.database.close(), receiver.database.close()]);
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function openDatabase(adminUrl: string, name: string): Promise<{ url: string; database: Database<unknown> }> {
  const url = await ensureDatabase({ adminUrl, database: name, role: name, password: 'bench' });
  await migrate({ url, sources: [{ name: 'messaging', directory: messagingMigrations }], log });
  return { url, database: createDatabase({ url, name, log, metrics: createMetrics() }) };
}

/** From the first append until the last event is handled. */
export async function eventsPerSecond({ sender, receiver }: Sides, sendersBroker: Broker, receiversBroker: Broker): Promise<number> {
  const receiving = createReceiver(receiver, receiversBroker);
  const sending = createSender(sender, sendersBroker);
  await receiving.start();
  await sending.start();
  const begun = performance.now();
  await appendAll(sender, sending);
  await receiving.allHandled;
  const seconds = (performance.now() - begun) / 1000;
  await sending.stop();
  await receiving.stop();
  return EVENTS / seconds;
}

const common = { log, jobs: [], crons: [], instanceId: 'bench' };

export const createSender = (database: Database<unknown>, broker: Broker): Messaging<unknown> =>
  createMessaging({ ...common, broker, service: 'sender', database, metrics: createMetrics(), consumers: [] });

export function createReceiver(database: Database<unknown>, broker: Broker): Messaging<unknown> & { readonly allHandled: Promise<void> } {
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

export async function appendAll(database: Database<unknown>, sending: Messaging<unknown>): Promise<void> {
  for (let n = 0; n < EVENTS; n += PER_TRANSACTION) {
    await database.transaction(async (tx) => {
      const outbox = sending.outbox(tx);
      await Promise.all(Array.from({ length: PER_TRANSACTION }, (_, i) => outbox.append(happened, { n: n + i, text })));
    });
  }
}

/** As many rows as the pipeline writes, in transactions of the same size, nothing read or changed. */
async function insertsPerSecond(database: Database<unknown>): Promise<number> {
  await sql`create table if not exists floor (id uuid primary key default gen_random_uuid(), type text not null, key text not null, data json not null)`.execute(
    database.query,
  );
  const begun = performance.now();
  for (let table = 0; table < 2; table += 1) {
    for (let n = 0; n < EVENTS; n += PER_TRANSACTION) {
      const rows = Array.from(
        { length: PER_TRANSACTION },
        (_, i) => sql`(${happened.name}, ${String(i)}, ${JSON.stringify({ n: n + i, text })})`,
      );
      await database.transaction((tx) => sql`insert into floor (type, key, data) values ${sql.join(rows)}`.execute(tx));
    }
  }
  return EVENTS / ((performance.now() - begun) / 1000);
}
