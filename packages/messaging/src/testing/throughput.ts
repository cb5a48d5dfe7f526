import { createDatabase } from '@stoa/postgres';
import { eventually } from '@stoa/service/testing';
import { type Kysely, sql } from 'kysely';
import { Registry } from 'prom-client';
import { createMessaging } from '../create-messaging.ts';
import { createInbox } from '../inbox.ts';
import { createLocalBroker } from '../local-broker.ts';
import { consumer } from '../types.ts';
import { happened, silent } from './copies.ts';
import { openPipeline, type Pipeline } from './pipeline.ts';

/** Rows of one statement of the floor, as many as the relay takes at a time. */
const BATCH = 500;

const payload = { text: 'x'.repeat(150) };

/**
 * Events per second from the outbox of one service through the local broker to a handler of another that does nothing, from a full
 * outbox to the last row marked done.
 */
export async function measureThroughput(events: number): Promise<number> {
  await using pipeline = await openPipeline();
  await fillOutbox(pipeline.sender.database.query, events);
  const broker = createLocalBroker({ log: silent });
  const startedAt = performance.now();
  const common = { log: silent, metrics: new Registry(), broker, jobs: [], crons: [], instanceId: 'bench' };
  const database = createDatabase<unknown>({ url: pipeline.receiver.url, name: 'receiver', log: silent, metrics: common.metrics });
  const receiver = createMessaging<unknown>({
    ...common,
    service: 'receiver',
    database,
    consumers: [consumer({ name: 'on-happened', event: happened, handle: async () => {} })],
  });
  await receiver.start();
  await pipeline.startSender(broker, { pollMs: 5_000 });
  await eventually(() => expectDone(pipeline, events), { timeoutMs: 120_000 });
  const seconds = (performance.now() - startedAt) / 1_000;
  await receiver.stop();
  await database.close();
  return events / seconds;
}

/** The same rows by plain multi-row inserts into both tables, and nothing else: no marks, no transactions of handlers. */
export async function measureFloor(events: number): Promise<number> {
  await using pipeline = await openPipeline();
  const inbox = createInbox(pipeline.receiver.database.query, [consumer({ name: 'on-happened', event: happened, handle: async () => {} })], silent);
  const startedAt = performance.now();
  for (let from = 0; from < events; from += BATCH) {
    const count = Math.min(BATCH, events - from);
    await fillOutbox(pipeline.sender.database.query, count);
    await inbox.accept(Array.from({ length: count }, (_, n) => toMessage(from + n)));
  }
  return events / ((performance.now() - startedAt) / 1_000);
}

const toMessage = (n: number) => ({
  id: `0199d3a0-0000-7000-8000-${n.toString(16).padStart(12, '0')}`,
  type: happened.name,
  version: happened.version,
  source: happened.source,
  key: `key ${n}`,
  occurredAt: new Date().toISOString(),
  correlationId: 'bench',
  traceparent: '',
  data: { key: `key ${n}`, n, ...payload },
});

async function fillOutbox(db: Kysely<unknown>, events: number): Promise<void> {
  await sql`
    insert into outbox (message_id, type, version, key, subscribers, correlation_id, traceparent, data)
    select gen_random_uuid(), ${happened.name}, ${happened.version}, 'key ' || n, ${happened.subscribers}, 'bench', '',
      json_build_object('key', 'key ' || n, 'n', n, 'text', ${payload.text}::text)
    from generate_series(1, ${events}::integer) as n`.execute(db);
}

async function expectDone({ receiver }: Pipeline, events: number): Promise<void> {
  const { rows } = await sql<{ n: number }>`select count(*)::integer as n from inbox where status = 'done'`.execute(receiver.database.query);
  if (rows[0]?.n !== events) throw new Error(`${rows[0]?.n} of ${events} are done`);
}
