import { createLog } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase } from './create-database.ts';
import type { Database } from './database.ts';
import { type TestDatabase, testDatabase } from './testing/index.ts';

const log = createLog({ level: 'silent' });
let fixture: TestDatabase<unknown>;
const opened: Database<unknown>[] = [];

beforeAll(async () => {
  fixture = await testDatabase();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()));
});
afterAll(() => fixture[Symbol.asyncDispose]());

/** As a process of its own would: own pool, own session connection. */
function open(name: string): Database<unknown> {
  const database = createDatabase({ url: fixture.url, name, log, metrics: new Registry() });
  opened.push(database);
  return database;
}

const notify = (channel: string, payload: string) => sql`select pg_notify(${channel}, ${payload})`.execute(fixture.database.query);
const endSession = (name: string) =>
  sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and application_name = ${`${name} session`}`.execute(
    fixture.database.query,
  );

describe('listen', () => {
  test('calls the handler with the payload of each notification of its channel, in order', async () => {
    const heard: string[] = [];
    await open('a').listen('news', (payload) => heard.push(payload));
    await notify('other', 'not for us');
    for (const payload of ['1', '2', '3']) await notify('news', payload);
    await eventually(() => expect(heard).toEqual(['1', '2', '3']));
  });

  test('two handlers of one channel are both called, and ending one leaves the other', async () => {
    const [first, second]: [string[], string[]] = [[], []];
    const database = open('a');
    const end = await database.listen('shared', (payload) => first.push(payload));
    await database.listen('shared', (payload) => second.push(payload));
    await notify('shared', 'both');
    await eventually(() => expect([first, second]).toEqual([['both'], ['both']]));
    await end();
    await notify('shared', 'one');
    await eventually(() => expect(second).toEqual(['both', 'one']));
    expect(first).toEqual(['both']);
  });

  test('after a lost connection it calls the handler once, as something may have been missed, and receives again', async () => {
    const heard: string[] = [];
    await open('lossy').listen('lossy', (payload) => heard.push(payload));
    await endSession('lossy');
    await eventually(() => expect(heard).toEqual(['']));
    await notify('lossy', 'again');
    await eventually(() => expect(heard).toEqual(['', 'again']));
  });

  test('a handler that throws disturbs neither the others nor what comes later', async () => {
    const heard: string[] = [];
    const database = open('a');
    await database.listen('faulty', () => {
      throw new Error('handler');
    });
    await database.listen('faulty', (payload) => heard.push(payload));
    await notify('faulty', '1');
    await notify('faulty', '2');
    await eventually(() => expect(heard).toEqual(['1', '2']));
  });

  test('takes any channel name, quoted', async () => {
    const heard: string[] = [];
    await open('a').listen('Weird "name"', (payload) => heard.push(payload));
    await notify('Weird "name"', 'ok');
    await eventually(() => expect(heard).toEqual(['ok']));
  });

  test('ending it does not wait for a server that is away', async () => {
    const end = await open('cut').listen('cut', () => {});
    const { rows } = await sql<{ name: string }>`select current_database() as name`.execute(fixture.database.query);
    const admin = createDatabase<unknown>({
      url: Object.assign(new URL(fixture.url), { pathname: '/postgres' }).href,
      name: 'admin',
      log,
      metrics: new Registry(),
    });
    opened.push(admin);
    const admit = (yes: boolean) =>
      sql`alter database ${sql.id(rows[0]?.name ?? '')} allow_connections ${sql.raw(String(yes))}`.execute(admin.query);
    await admit(false);
    try {
      await endSession('cut');
      await end();
    } finally {
      await admit(true);
    }
  });

  test('close ends the wait of a listen whose server is away', async () => {
    const away = createDatabase({ url: 'postgres://nobody@127.0.0.1:1/none', name: 'away', log, metrics: new Registry() });
    const listening = away
      .listen('never', () => {})
      .then(
        () => 'listening',
        (error: Error) => error.name,
      );
    await away.close();
    expect(await listening).not.toBe('listening');
  });
});

describe('lead', () => {
  /** Leads under `name` and reports when it began, and why it ended. */
  async function leader(database: Database<unknown>, name: string) {
    const events: string[] = [];
    const stop = await database.lead(name, async (signal) => {
      events.push('leads');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      events.push('left');
    });
    return { events, stop };
  }

  test('one of two leads; when it stops, the other takes over', async () => {
    const first = await leader(open('a'), 'relay');
    await eventually(() => expect(first.events).toEqual(['leads']));
    const second = await leader(open('b'), 'relay');
    await first.stop();
    expect(first.events).toEqual(['leads', 'left']);
    await eventually(() => expect(second.events).toEqual(['leads']));
  });

  test('of many that start together exactly one leads at any time', async () => {
    let leading = 0;
    let most = 0;
    let turns = 0;
    const databases = Array.from({ length: 5 }, (_, i) => open(`many-${i}`));
    const work = async () => {
      most = Math.max(most, ++leading);
      await sql`select pg_sleep(0.02)`.execute(fixture.database.query);
      leading--;
      turns++;
    };
    const stops = await Promise.all(databases.map((database) => database.lead('many', work)));
    await eventually(() => expect(turns).toBeGreaterThan(5));
    await Promise.all(stops.map((stop) => stop()));
    expect(most).toBe(1);
  });

  test('when the holder loses its connection its signal is aborted and another takes over', async () => {
    const holder = await leader(open('holder'), 'moving');
    await eventually(() => expect(holder.events).toEqual(['leads']));
    const heir = await leader(open('heir'), 'moving');
    await endSession('holder');
    await eventually(() => expect(holder.events.slice(0, 2)).toEqual(['leads', 'left']));
    // The old holder reconnects and asks again, so either may win; the lock is led again by exactly one.
    const turns = () => [...holder.events.slice(2), ...heir.events];
    await eventually(() => expect(turns()).toEqual(['leads']));
  });

  test('work that throws is tried again', async () => {
    let attempts = 0;
    const stop = await open('a').lead('flaky', async (signal) => {
      if (++attempts === 1) throw new Error('first');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    });
    await eventually(() => expect(attempts).toBe(2));
    await stop();
  });

  test('a leader that ends its work by itself gives the lead up and stays out, and another one takes it', async () => {
    let tries = 0;
    const first = open('gives up');
    await first.lead('given up', async () => void (tries += 1));
    await eventually(() => expect(tries).toBe(1));
    const second = await leader(open('takes over'), 'given up');
    await eventually(() => expect(second.events).toEqual(['leads']));
    expect(tries).toBe(1);
    // Where nobody else leads, it leads again.
    await second.stop();
    await eventually(() => expect(tries).toBe(2), { timeoutMs: 15_000 });
  });

  test('leads of different names do not hinder each other, on one connection', async () => {
    const database = open('a');
    const [one, two] = [await leader(database, 'one'), await leader(database, 'two')];
    await eventually(() => expect([one.events, two.events]).toEqual([['leads'], ['leads']]));
    const { rows } = await sql<{ sessions: number }>`
      select count(*) as sessions from pg_stat_activity where datname = current_database() and application_name = 'a session'`.execute(
      fixture.database.query,
    );
    expect(rows).toEqual([{ sessions: 1 }]);
  });

  test('the same name twice on one database object is an error', async () => {
    const database = open('a');
    const stop = await database.lead('twice', async () => {});
    await expect(database.lead('twice', async () => {})).rejects.toThrow('twice');
    await stop();
    await (await database.lead('twice', async () => {}))();
  });

  test('close stops leading and waits for the work to end, which may still need the server', async () => {
    const database = createDatabase({ url: fixture.url, name: 'closing', log, metrics: new Registry() });
    const events: string[] = [];
    await database.lead('closing', async (signal) => {
      events.push('leads');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      await sql`select pg_sleep(0.1)`.execute(database.query);
      events.push('left');
    });
    await eventually(() => expect(events).toEqual(['leads']));
    await database.close();
    expect(events).toEqual(['leads', 'left']);
  });

  test('stop does not wait for a server that is away', async () => {
    const away = createDatabase({ url: 'postgres://nobody@127.0.0.1:1/none', name: 'away', log, metrics: new Registry() });
    const stop = await away.lead('away', async () => {});
    await stop();
    await away.close();
  });
});
