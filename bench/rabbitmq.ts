import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createRabbitBroker } from '@stoa/messaging';
import { createContext, uuidv7 } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Connection } from 'rabbitmq-client';
import {
  appendAll,
  createReceiver,
  createSender,
  EVENTS,
  eventsPerSecond,
  happened,
  log,
  ROUNDS,
  type Sides,
  text,
  withSides,
} from './pipeline.ts';
import { median, type Result, type Workload } from './workload.ts';

const URL = 'amqp://guest:guest@127.0.0.1:5672';
/** What a bare publisher has under way at a time: as many as the relay takes. */
const WINDOW = 500;
const MIB = 1024 * 1024;

/**
 * The pipeline over RabbitMQ, beside what the same client does alone with the same messages: publish with confirms, consume with acks,
 * on the same kind of queue. And a backlog that gathered while the receiver was away.
 */
export const pipelineOverRabbit: Workload = () =>
  withSides(async (sides) => {
    const values: number[] = [];
    const whole: number[] = [];
    const floors: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      floors.push(await bareMessagesPerSecond());
      values.push(await withInstallation((broker) => carriedPerSecond(sides, broker)));
      whole.push(await withInstallation((broker) => eventsPerSecond(sides, broker(), broker())));
    }
    const what = 'events, outbox → RabbitMQ → inbox → handled';
    const flow = { what, value: median(values), unit: 'events/s', floor: median(floors), goal: 'ratio ≥ 0.35' };
    const appended = {
      what: 'the same, with the transactions that append them',
      value: median(whole),
      unit: 'events/s',
      floor: median(floors),
    };
    return [flow, appended, ...(await withInstallation((broker) => drainBacklogs(sides, broker)))];
  });

/** Gives brokers of an installation of its own, and removes it. */
async function withInstallation<T>(work: (broker: () => ReturnType<typeof createRabbitBroker>) => Promise<T>): Promise<T> {
  const prefix = `bench-${uuidv7()}`;
  const brokers: ReturnType<typeof createRabbitBroker>[] = [];
  try {
    return await work(() => {
      const broker = createRabbitBroker({ url: URL, log, name: 'bench', prefix });
      brokers.push(broker);
      return broker;
    });
  } finally {
    await Promise.all(brokers.map((broker) => broker.close()));
    const client = new Connection(URL);
    for (const name of ['receiver', 'registry']) await client.queueDelete({ queue: `${prefix}.${name}` });
    await client.exchangeDelete({ exchange: `${prefix}.events` });
    await client.close();
  }
}

async function bareMessagesPerSecond(): Promise<number> {
  const queue = `bench-${uuidv7()}`;
  const [publishing, consuming] = [new Connection(URL), new Connection(URL)];
  const { promise: allConsumed, resolve } = Promise.withResolvers<void>();
  let consumed = 0;
  const queueOptions = { durable: true, arguments: { 'x-queue-type': 'quorum' as const } };
  const consumer = consuming.createConsumer({ queue, queueOptions, qos: { prefetchCount: WINDOW } }, async () => {
    consumed += 1;
    if (consumed === EVENTS) resolve();
  });
  const publisher = publishing.createPublisher({ confirm: true });
  await new Promise((ready) => consumer.once('ready', ready));
  const { correlationId, traceparent } = createContext();
  const envelope = {
    id: uuidv7(),
    type: happened.name,
    version: 1,
    source: happened.source,
    key: '1',
    occurredAt: new Date().toISOString(),
  };
  const body = { ...envelope, correlationId, traceparent, data: { n: 1, text } };
  const begun = performance.now();
  for (let n = 0; n < EVENTS; n += WINDOW) {
    await Promise.all(Array.from({ length: WINDOW }, () => publisher.send({ routingKey: queue, durable: true, mandatory: true }, body)));
  }
  await allConsumed;
  const seconds = (performance.now() - begun) / 1000;
  await Promise.all([consumer.close(), publisher.close()]);
  await publishing.queueDelete({ queue });
  await Promise.all([publishing.close(), consuming.close()]);
  return EVENTS / seconds;
}

/** From a full outbox until the last event is handled. */
async function carriedPerSecond({ sender, receiver }: Sides, broker: () => ReturnType<typeof createRabbitBroker>): Promise<number> {
  const receiving = createReceiver(receiver, broker());
  await receiving.start();
  const sending = createSender(sender, broker());
  await appendAll(sender);
  const begun = performance.now();
  await sending.start();
  await receiving.allHandled;
  const seconds = (performance.now() - begun) / 1000;
  await sending.stop();
  await receiving.stop();
  return EVENTS / seconds;
}

/** The first drain warms up; memory that the second one leaves behind would be left behind by every later one. */
async function drainBacklogs(sides: Sides, broker: () => ReturnType<typeof createRabbitBroker>): Promise<Result[]> {
  await drainBacklog(sides, broker);
  const before = heapAfterCollection();
  const { perSecond, peak } = await drainBacklog(sides, broker);
  const what = `a backlog of ${EVENTS} events`;
  return [
    { what: `${what}, RabbitMQ → inbox → handled`, value: perSecond, unit: 'events/s' },
    { what: `heap that ${what} leaves`, value: (heapAfterCollection() - before) / MIB, unit: 'MiB', goal: '≤ 2 MiB' },
    { what: `heap at its highest during the drain, above the start`, value: (peak - before) / MIB, unit: 'MiB' },
  ];
}

async function drainBacklog({ sender, receiver }: Sides, broker: () => ReturnType<typeof createRabbitBroker>) {
  // Started once, so that the queue exists.
  const once = createReceiver(receiver, broker());
  await once.start();
  await once.stop();
  const sending = createSender(sender, broker());
  await sending.start();
  await appendAll(sender);
  await eventually(
    async () => {
      const { rows } = await sql`select from outbox where sent_at is null limit 1`.execute(sender.query);
      if (rows.length > 0) throw new Error('the outbox is not empty');
    },
    { timeoutMs: 120_000 },
  );
  await sending.stop();
  const receiving = createReceiver(receiver, broker());
  let peak = 0;
  const sampling = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().heapUsed);
  }, 20);
  const begun = performance.now();
  await receiving.start();
  await receiving.allHandled;
  clearInterval(sampling);
  const perSecond = EVENTS / ((performance.now() - begun) / 1000);
  await receiving.stop();
  return { perSecond, peak };
}

function heapAfterCollection(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
