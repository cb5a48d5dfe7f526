import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startEmbeddedPostgres } from '@stoa/postgres';
import { databaseFolder } from '@stoa/postgres/testing';
import { createLog, uuidv7 } from '@stoa/service';
import { sql } from 'kysely';
import { makeOrders, openOrderDatabase, openOrderStore, order, placed } from './order-streams.ts';
import { runScript } from './run-script.ts';
import { inTurns, type Result, type Workload } from './workload.ts';

const SMALL = 100_000;
const LARGE = 1_000_000;
const APPENDS = 2_000;
const AT_ONCE = 8;

/** Streams: appends beside the same rows without a store; a rebuild of a million events beside a copy, its memory and waits. Minutes. */
export const eventStore: Workload = async () => {
  await using folder = await databaseFolder(tmpdir());
  const postgres = await startEmbeddedPostgres({ directory: join(folder.path, 'postgres'), log: createLog({ level: 'silent' }) });
  try {
    const [small, large] = [await makeOrders(postgres.url, SMALL), await makeOrders(postgres.url, LARGE)];
    const appends = await inTurns(
      3,
      () => appendsPerSecond(small),
      () => insertsPerSecond(small),
    );
    const rebuilds = await inTurns(
      3,
      async () => (await rebuild(large)).perSecond,
      () => runScript('bench/floors/copy-events.ts', [large]),
    );
    const memory = { value: (await rebuild(large)).megabytes, floor: (await rebuild(small)).megabytes };
    const wait = await longestWait(large);
    const [perSecond, megabytes] = [
      { unit: 'events/s', goal: '≥ 0.3' },
      { unit: 'MB', goal: '≤ 1.2' },
    ];
    return [
      { what: 'orders placed in streams, 8 at once, beside the same rows', ...appends, unit: 'orders/s' },
      { what: 'rebuild of 1,000,000 events, beside reading and copying them', ...rebuilds, ...perSecond },
      { what: 'memory of a rebuild of 1,000,000 events, beside 100,000', ...memory, ...megabytes },
      ...wait,
    ];
  } finally {
    await postgres.stop();
  }
};

async function rebuild(url: string): Promise<{ perSecond: number; megabytes: number }> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'rebuild-orders.ts'), url]);
  return JSON.parse(stdout);
}

async function appendsPerSecond(url: string): Promise<number> {
  const store = openOrderStore();
  return await perSecond(url, (database) => database.transaction((tx) => store.on(tx, order).handle(uuidv7(), () => placed('customer'))));
}

/** The rows of an append and its projection, in as many statements, the read before them included. */
async function insertsPerSecond(url: string): Promise<number> {
  const { data } = placed('customer');
  const sealed = Buffer.alloc(130);
  return await perSecond(url, (database) =>
    database.transaction(async (tx) => {
      const id = uuidv7();
      await sql`select data from events where stream = ${id} order by version`.execute(tx);
      await sql`insert into stream_keys (stream, key) values (${id}, ${sealed})`.execute(tx);
      await sql`
        insert into events (stream, version, type, event_version, data, sealed, metadata, recorded_at)
        values (${id}, 1, 'order-placed', 1, ${JSON.stringify(data)}::json, ${sealed}, '{}', now())`.execute(tx);
      await sql`insert into orders values (${id}, 'customer', 'pending', 5997, ${sealed}, 1)`.execute(tx);
    }),
  );
}

async function perSecond(url: string, append: (database: ReturnType<typeof openOrderDatabase>) => Promise<unknown>): Promise<number> {
  const database = openOrderDatabase(url);
  const begun = performance.now();
  let left = APPENDS;
  const writer = async () => {
    while (left-- > 0) await append(database);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, writer));
  const seconds = (performance.now() - begun) / 1_000;
  await database.close();
  return APPENDS / seconds;
}

/** The longest wait of a writer that appends, and of a reader of the projection, during a rebuild. */
async function longestWait(url: string): Promise<Result[]> {
  const [store, database] = [openOrderStore(), openOrderDatabase(url)];
  const longest = { append: 0, read: 0 };
  let isOver = false;
  const timed = async (what: keyof typeof longest, work: () => Promise<unknown>) => {
    while (!isOver) {
      const begun = performance.now();
      await work();
      longest[what] = Math.max(longest[what], performance.now() - begun);
    }
  };
  const busy = [
    timed('append', () => database.transaction((tx) => store.on(tx, order).handle(uuidv7(), () => placed('customer')))),
    timed('read', () => sql`select id, status from orders where customer = 'customer' order by id desc limit 20`.execute(database.query)),
  ];
  await rebuild(url);
  isOver = true;
  await Promise.all(busy);
  await database.close();
  return [
    { what: 'longest wait of an append during a rebuild of 1,000,000 events', value: longest.append, unit: 'ms', goal: '≤ 1000 ms' },
    { what: 'longest wait of a read meanwhile', value: longest.read, unit: 'ms', goal: '≤ 1000 ms' },
  ];
}
