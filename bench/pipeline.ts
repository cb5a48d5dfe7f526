import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { consumer, createLocalBroker, createMessaging, messagingMigrations } from '@stoa/messaging';
import { createDatabase, type Database, ensureDatabase, migrate, startEmbeddedPostgres } from '@stoa/postgres';
import { createLog, createMetrics } from '@stoa/service';
import { sql } from 'kysely';
import { Type } from 'typebox';
import { median, type Workload } from './workload.ts';

const EVENTS = 10_000;
const PER_TRANSACTION = 50;
const ROUNDS = 3;

const log = createLog({ level: 'silent' });
const happened = {
  name: 'bench-happened',
  version: 1,
  source: 'sender',
  description: 'An event of ordinary size.',
  schema: Type.Object({ n: Type.Integer(), text: Type.String() }, { additionalProperties: false }),
  example: { n: 1, text: 'x' },
  key: ({ n }: { n: number }) => String(n % 1000),
  subscribers: ['receiver'],
} as const;
const text = 'x'.repeat(200);

/**
 * Events from the outbox of one service through the bus and the inbox of another until they are handled, on a durable
 * Postgres, beside plain inserts of the same rows: once as the outbox would hold them, once as the inbox would.
 */
export const pipeline: Workload = async () => {
  const folder = await mkdtemp('/tmp/stoa-bench-');
  const postgres = await startEmbeddedPostgres({ directory: join(folder, 'postgres'), log });
  const [sender, receiver] = await Promise.all([openDatabase(postgres.url, 'sender'), openDatabase(postgres.url, 'receiver')]);
  try {
    const values: number[] = [];
    const floors: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      floors.push(await insertsPerSecond(sender));
      values.push(await eventsPerSecond(sender, receiver));
    }
    return [{ what: 'events, outbox → bus → inbox → handled', value: median(values), unit: 'events/s', floor: median(floors) }];
  } finally {
    await Promise.all([sender.close(), receiver.close()]);
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
};

async function openDatabase(adminUrl: string, name: string): Promise<Database<unknown>> {
  const url = await ensureDatabase({ adminUrl, database: name, role: name, password: 'bench' });
  await migrate({ url, sources: [{ name: 'messaging', directory: messagingMigrations }], log });
  return createDatabase({ url, name, log, metrics: createMetrics() });
}

async function eventsPerSecond(sender: Database<unknown>, receiver: Database<unknown>): Promise<number> {
  const broker = createLocalBroker({ log });
  const { promise: allHandled, resolve } = Promise.withResolvers<void>();
  let handled = 0;
  const handle = async () => {
    handled += 1;
    if (handled === EVENTS) resolve();
  };
  const common = { broker, log, jobs: [], crons: [], instanceId: 'bench' };
  const sending = createMessaging({ ...common, service: 'sender', database: sender, metrics: createMetrics(), consumers: [] });
  const consumers = [consumer({ name: 'on-bench-happened', event: happened, handle })];
  const receiving = createMessaging({ ...common, service: 'receiver', database: receiver, metrics: createMetrics(), consumers });
  await receiving.start();
  await sending.start();
  const begun = performance.now();
  for (let n = 0; n < EVENTS; n += PER_TRANSACTION) {
    await sender.transaction(async (tx) => {
      const outbox = sending.outbox(tx);
      await Promise.all(Array.from({ length: PER_TRANSACTION }, (_, i) => outbox.append(happened, { n: n + i, text })));
    });
  }
  await allHandled;
  const seconds = (performance.now() - begun) / 1000;
  await sending.stop();
  await receiving.stop();
  await broker.close();
  return EVENTS / seconds;
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
