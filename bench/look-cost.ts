import { setTimeout as delay } from 'node:timers/promises';
import { consumer, createLocalBroker, createMessaging } from '@stoa/messaging';
import { createMetrics } from '@stoa/service';
import pg from 'pg';
import { type Cost, listenToLooks } from './looks.ts';
import { createSender, happened, log, outboxOf, type Sides, text, withSides } from './pipeline.ts';
import type { Result, Workload } from './workload.ts';

const STEPS = [10_000, 100_000, 1_000_000] as const;
const PER_TRANSACTION = 200;
/** No more events than this are under way: the stream is as fast as it is handled. */
const MOST_UNDER_WAY = 5_000;
/** The marks follow within seconds. */
const SETTLE_MS = 12_000;
/** How many polls of each kind are measured, at some two hundred events a second. */
const ROUNDS = 8;
const PAUSE_MS = 1_000;

/**
 * What the most expensive poll of relay and worker costs after a million handled messages, beside what it costs after ten thousand:
 * first under a snapshot that another session holds all the while, as a dump does, then without it. Takes some ten minutes.
 */
export const lookCost: Workload = () => {
  const looks = { outbox: listenToLooks('outbox'), inbox: listenToLooks('inbox') };
  return withSides(async (sides) => {
    const holders = await Promise.all([sides.urls.sender, sides.urls.receiver].map(holdSnapshot));
    const stream = await startStream(sides);
    // While the stream is at its fastest, a poll walks over what has come since the last mark: twenty thousand in a second or two.
    const measure = async () => {
      await stream.append(1);
      await delay(SETTLE_MS);
      for (const { forget } of Object.values(looks)) forget();
      for (let round = 0; round < ROUNDS; round += 1) {
        await stream.append(PER_TRANSACTION);
        await delay(PAUSE_MS);
      }
      return { outbox: await looks.outbox.measure(sides.urls.sender), inbox: await looks.inbox.measure(sides.urls.receiver) };
    };
    const costs: { readonly after: string; readonly cost: Awaited<ReturnType<typeof measure>> }[] = [];
    for (const step of STEPS) {
      await stream.append(step - stream.appended());
      costs.push({ after: `${step} messages, under a snapshot`, cost: await measure() });
    }
    for (const holder of holders) await holder.end();
    costs.push({ after: `${STEPS.at(-1)} messages, without a snapshot`, cost: await measure() });
    await stream.stop();
    const [first, ...others] = costs as [(typeof costs)[0], ...typeof costs];
    const resultsOf = (side: 'outbox' | 'inbox', unit: keyof Cost): Result[] =>
      others.map(({ after, cost }) => ({
        what: `a look into the ${side} after ${after}, beside that after ${STEPS[0]}`,
        value: cost[side][unit],
        unit: unit === 'pages' ? 'pages' : 'µs',
        floor: first.cost[side][unit],
        ...(unit === 'pages' && { goal: '≤ 2' }),
      }));
    return (['outbox', 'inbox'] as const).flatMap((side) => [...resultsOf(side, 'pages'), ...resultsOf(side, 'microseconds')]);
  });
};

async function holdSnapshot(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('begin isolation level repeatable read; select from inbox; select from outbox');
  return client;
}

async function startStream({ sender, receiver }: Sides) {
  const broker = createLocalBroker({ log });
  let [appended, handled] = [0, 0];
  const onHappened = consumer({
    name: 'on-bench-happened',
    event: happened,
    async handle() {
      handled += 1;
    },
  });
  const common = { log, broker, metrics: createMetrics(), jobs: [], crons: [], instanceId: 'bench' };
  const receiving = createMessaging({ ...common, service: 'receiver', database: receiver, consumers: [onHappened] });
  const sending = createSender(sender, broker);
  await receiving.start();
  await sending.start();
  const untilHandled = async (atLeast: number) => {
    while (handled < atLeast) await delay(5);
  };
  return {
    appended: () => appended,
    /** Resolves when they are handled. */
    async append(count: number): Promise<void> {
      const end = appended + count;
      while (appended < end) {
        const size = Math.min(PER_TRANSACTION, end - appended);
        await sender.transaction(async (tx) => {
          const outbox = outboxOf(sender)(tx);
          await Promise.all(Array.from({ length: size }, (_, index) => outbox.append(happened, { n: appended + index, text })));
        });
        appended += size;
        await untilHandled(appended - MOST_UNDER_WAY);
      }
      await untilHandled(end);
    },
    async stop(): Promise<void> {
      await sending.stop();
      await receiving.stop();
      await broker.close();
    },
  };
}
