import { createLog, runInContext } from '@stoa/service';
import { eventually, startTcpProxy, type TcpProxy } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, type DatabaseOptions } from './create-database.ts';
import type { Database } from './database.ts';
import { type TestDatabase, testDatabase } from './testing/index.ts';

const log = createLog({ level: 'silent' });
const REQUEST_LIMIT_MS = 400;
/** So long that what waited for it, instead of for the limit of a request, is seen on the slowest machine. */
const STATEMENT_LIMIT_MS = 60_000;
const SOON_MS = 20_000;
const UNAVAILABLE = { kind: 'unavailable', code: 'database_unavailable', retryAfterSeconds: 2 };

let fixture: TestDatabase<unknown>;
let network: TcpProxy;
beforeAll(async () => {
  fixture = await testDatabase();
  network = await startTcpProxy(Number(new URL(fixture.url).port));
});
beforeEach(() => network.heal());
afterAll(async () => {
  await network.close();
  await fixture[Symbol.asyncDispose]();
});

/** A database behind the network. Its role's name on the server is `name`. */
function behindNetwork(name: string, options: Partial<DatabaseOptions> = {}): Database<unknown> & AsyncDisposable {
  const limits = { requestLimitMs: REQUEST_LIMIT_MS, statementLimitMs: STATEMENT_LIMIT_MS, acquireTimeoutMs: 1_000 };
  const url = Object.assign(new URL(fixture.url), { port: `${network.port}` }).href;
  const database = createDatabase<unknown>({ url, name, log, metrics: new Registry(), ...limits, ...options });
  return { ...database, [Symbol.asyncDispose]: () => database.close() };
}

/** As a request does it. */
const inRequest = <T>(work: () => Promise<T>) =>
  runInContext({ correlationId: 'a', traceparent: `00-${'1'.repeat(32)}-${'1'.repeat(16)}-00`, clientIp: '192.0.2.1' }, work);

async function timed(work: () => Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const begin = performance.now();
  const error = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { error, ms: performance.now() - begin };
}

/** Opens so many connections and leaves them idle. */
const open = (database: Database<unknown>, count: number) =>
  Promise.all(Array.from({ length: count }, () => sql`select pg_sleep(0.05)`.execute(database.query)));

describe('a database that hangs', () => {
  test('costs a request its limit and is then database_unavailable, within a transaction once', async () => {
    await using database = behindNetwork('one');
    await open(database, 2);
    network.freeze();
    for (const work of [() => sql`select 1`.execute(database.query), () => database.transaction((tx) => sql`select 1`.execute(tx))]) {
      const { error, ms } = await timed(() => inRequest(work));
      expect(error).toMatchObject(UNAVAILABLE);
      expect(ms).toBeLessThan(SOON_MS);
    }
  });

  test('in the middle of a transaction: what comes after, the rollback too, waits no more', async () => {
    // Long beside what a slow machine adds: a second wait of as long would fail the test.
    const requestLimitMs = 5_000;
    await using database = behindNetwork('middle', { requestLimitMs });
    const { error, ms } = await timed(() =>
      inRequest(() =>
        database.transaction(async (tx) => {
          await sql`select 1`.execute(tx);
          network.freeze();
          await sql`select 2`.execute(tx).catch(() => {});
          await sql`select 3`.execute(tx);
        }),
      ),
    );
    expect(error).toMatchObject(UNAVAILABLE);
    expect(ms).toBeLessThan(2 * requestLimitMs);
  });

  test('is reported by health, and all recovers by itself with the network', async () => {
    await using database = behindNetwork('healed', { maxConnections: 3 });
    await open(database, 3);
    network.freeze();
    const { ms } = await timed(async () => expect(await database.health()).toMatchObject({ ok: false }));
    expect(ms).toBeLessThan(SOON_MS);
    await Promise.all(Array.from({ length: 6 }, () => timed(() => inRequest(() => sql`select 1`.execute(database.query)))));
    network.heal();
    await eventually(async () => expect(await database.health()).toMatchObject({ ok: true }));
    await inRequest(() => open(database, 6));
  });

  test('lets background work in progress wait longer, but not for ever', async () => {
    const statementLimitMs = 1_500;
    await using database = behindNetwork('background', { statementLimitMs });
    await open(database, 1);
    network.hang();
    const { error, ms } = await timed(() => sql`select 1`.execute(database.query));
    expect(error).toMatchObject(UNAVAILABLE);
    expect(ms).toBeGreaterThan(statementLimitMs - 50);
  });

  test('keeps nobody from closing', async () => {
    const database = behindNetwork('closing');
    await open(database, 2);
    await database.listen('news', () => {});
    network.freeze();
    expect((await timed(() => database.close())).ms).toBeLessThan(SOON_MS);
  });
});

test('connections that hang while new ones work cost one request its limit, not one each', async () => {
  await using database = behindNetwork('some', { maxConnections: 5 });
  await open(database, 5);
  network.hang();
  expect((await timed(() => inRequest(() => sql`select 1`.execute(database.query)))).error).toMatchObject(UNAVAILABLE);
  await inRequest(() => open(database, 5));
});

describe('a statement that takes its time', () => {
  test('in the background is not cut by the limit of requests', async () => {
    await using database = behindNetwork('patient');
    await sql`select pg_sleep(${(2 * REQUEST_LIMIT_MS) / 1_000})`.execute(database.query);
    await database.transaction((tx) => sql`select pg_sleep(${(2 * REQUEST_LIMIT_MS) / 1_000})`.execute(tx));
  });

  test('in a request is given up, and by the server too', async () => {
    await using database = behindNetwork('impatient');
    const { error } = await timed(() => inRequest(() => sql`select pg_sleep(20)`.execute(database.query)));
    expect(error).toMatchObject(UNAVAILABLE);
    await eventually(async () => {
      const { rows } = await sql`select from pg_stat_activity where application_name = 'impatient'`.execute(fixture.database.query);
      expect(rows).toEqual([]);
    });
  });
});
