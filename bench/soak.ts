import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { consumer, createMessaging, createRabbitBroker, messagingMigrations } from '@stoa/messaging';
import { createDatabase, ensureDatabase, migrate, startEmbeddedPostgres } from '@stoa/postgres';
import { databaseFolder } from '@stoa/postgres/testing';
import { createLog, createMetrics, uuidv7 } from '@stoa/service';
import pg from 'pg';
import { Connection } from 'rabbitmq-client';
import { type Cost, listenToLooks } from './looks.ts';
import { happened, outboxOf, text } from './pipeline.ts';
import { median } from './workload.ts';

/**
 * `node bench/soak.ts [minutes] [events per second]`, 60 and 200 by default: a steady stream through outbox, RabbitMQ and inbox, under
 * a snapshot that another session holds all the while. A line a minute, and the first ten minutes beside the last ten. Needs RabbitMQ.
 */
const [minutes = 60, perSecond = 200] = process.argv.slice(2).map(Number);
const RABBITMQ = process.env['RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';
const TICK_MS = 50;
const MIB = 1024 * 1024;

const log = createLog({ level: 'error' });
const looks = { outbox: listenToLooks('outbox'), inbox: listenToLooks('inbox') };
const folder = await databaseFolder(tmpdir());
const postgres = await startEmbeddedPostgres({ directory: join(folder.path, 'postgres'), log });

async function openSide(name: string) {
  const url = await ensureDatabase({ adminUrl: postgres.url, database: name, role: name, password: 'bench' });
  await migrate({ url, sources: [{ name: 'messaging', directory: messagingMigrations }], log });
  return { url, database: createDatabase<unknown>({ url, name, log, metrics: createMetrics() }) };
}
const [sender, receiver] = await Promise.all([openSide('sender'), openSide('receiver')]);

/** Holds a snapshot of each database, as a dump does. */
const holders = await Promise.all(
  [sender, receiver].map(async ({ url }) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('begin isolation level repeatable read; select from inbox; select from outbox');
    return client;
  }),
);

const prefix = `soak-${uuidv7()}`;
const brokers = ['sender', 'receiver'].map((name) => createRabbitBroker({ url: RABBITMQ, log, name, prefix }));
const common = { log, jobs: [], crons: [], instanceId: 'soak' };
let lags: number[] = [];
let handled = 0;
const onHappened = consumer<unknown, typeof happened.schema>({
  name: 'on-bench-happened',
  event: happened,
  async handle(_tx, _data, { occurredAt }) {
    handled += 1;
    lags.push(Date.now() - Date.parse(occurredAt));
  },
});
const sides = {
  receiving: createMessaging({
    ...common,
    ...{ broker: brokers[1] as (typeof brokers)[0], service: 'receiver', database: receiver.database, metrics: createMetrics() },
    consumers: [onHappened],
  }),
  sending: createMessaging({
    ...common,
    ...{ broker: brokers[0] as (typeof brokers)[0], service: 'sender', database: sender.database, metrics: createMetrics(), consumers: [] },
  }),
};
await sides.receiving.start();
await sides.sending.start();

interface Minute {
  readonly outbox: Cost;
  readonly inbox: Cost;
  readonly memory: number;
  readonly heap: number;
  readonly backlog: number;
  readonly p50: number;
  readonly p99: number;
}

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

async function takeStock(appended: number): Promise<Minute> {
  const { rss, heapUsed } = process.memoryUsage();
  const [p50, p99] = [percentile(lags, 0.5), percentile(lags, 0.99)];
  lags = [];
  const [outbox, inbox] = [await looks.outbox.measure(sender.url), await looks.inbox.measure(receiver.url)];
  return { outbox, inbox, memory: rss / MIB, heap: heapUsed / MIB, backlog: appended - handled, p50, p99 };
}

const line = ({ outbox, inbox, memory, heap, backlog, p50, p99 }: Minute): string =>
  [
    ...[outbox.pages, outbox.microseconds, inbox.pages, inbox.microseconds, memory, heap, backlog, p50, p99].map((value) =>
      value.toFixed(0).padStart(9),
    ),
  ].join('');

console.log(`${minutes} minutes, ${perSecond} events/s`);
console.log('  minute   outbox: pages, µs   inbox: pages, µs   RSS, heap in MiB   backlog   lag: p50, p99 in ms');
const stock: Minute[] = [];
const begun = performance.now();
let appended = 0;
while (performance.now() - begun < minutes * 60_000) {
  const due = Math.floor(((performance.now() - begun) / 1_000) * perSecond) - appended;
  if (due > 0) {
    await sender.database.transaction(async (tx) => {
      const outbox = outboxOf(sender.database)(tx);
      await Promise.all(Array.from({ length: due }, (_, index) => outbox.append(happened, { n: appended + index, text })));
    });
    appended += due;
  }
  if (performance.now() - begun > (stock.length + 1) * 60_000) {
    const minute = await takeStock(appended);
    stock.push(minute);
    console.log(`${String(stock.length).padStart(8)}${line(minute)}`);
  }
  await new Promise((resolve) => setTimeout(resolve, TICK_MS));
}

const share = Math.min(10, Math.max(1, Math.floor(stock.length / 2)));
const summary = (part: readonly Minute[]): string => {
  const of = (value: (minute: Minute) => number) => median(part.map(value));
  const cost = (side: 'outbox' | 'inbox') => ({
    pages: of((minute) => minute[side].pages),
    microseconds: of((minute) => minute[side].microseconds),
  });
  return line({
    ...{ outbox: cost('outbox'), inbox: cost('inbox'), memory: of(({ memory }) => memory), heap: of(({ heap }) => heap) },
    ...{ backlog: of(({ backlog }) => backlog), p50: of(({ p50 }) => p50), p99: of(({ p99 }) => p99) },
  });
};
if (stock.length > 1) {
  console.log(`first ${String(share).padStart(2)}${summary(stock.slice(0, share))}`);
  console.log(` last ${String(share).padStart(2)}${summary(stock.slice(-share))}`);
}

await sides.sending.stop();
await sides.receiving.stop();
console.log(`${appended} appended, ${handled} handled`);
await Promise.all(brokers.map((broker) => broker.close()));
const client = new Connection(RABBITMQ);
for (const name of ['receiver', 'registry']) await client.queueDelete({ queue: `${prefix}.${name}` });
await client.exchangeDelete({ exchange: `${prefix}.events` });
await client.close();
await Promise.all(holders.map((holder) => holder.end()));
await Promise.all([sender, receiver].map(({ database }) => database.close()));
await postgres.stop();
await folder[Symbol.asyncDispose]();
