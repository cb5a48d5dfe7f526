import { createLog } from '@stoa/service';
import { eventually, startTcpProxy } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase } from './create-database.ts';
import type { Database } from './database.ts';
import { startTestServer, type TestDatabase, testDatabase } from './testing/index.ts';

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

/** As a process of its own would. */
function open(name: string, url = fixture.url): Database<unknown> {
  const database = createDatabase<unknown>({ url, name, log, metrics: new Registry() });
  opened.push(database);
  return database;
}

async function hearerOf(database: Database<unknown>, channel: string): Promise<string[]> {
  const heard: string[] = [];
  await database.listen(channel, (payload) => heard.push(payload));
  return heard;
}

describe('a notification', () => {
  test('is received at once in this process, once, and soon in the others', async () => {
    const [here, there] = [open('here'), open('there')];
    const [own, other] = [await hearerOf(here, 'news'), await hearerOf(there, 'news')];
    here.notify('news', 'a');
    expect(own).toEqual(['a']);
    await eventually(() => expect(other).toEqual(['a']));
    there.notify('news', 'b');
    await eventually(() => expect(own).toEqual(['a', 'b']));
    expect(other).toEqual(['a', 'b']);
  });

  test('that is sent often in a short time reaches the others a few times, with each payload', async () => {
    const [here, there] = [open('here'), open('there')];
    const other = await hearerOf(there, 'often');
    for (let n = 0; n < 1_000; n++) here.notify('often', `${n % 3}`);
    await eventually(() => expect([...new Set(other)].sort()).toEqual(['0', '1', '2']));
    here.notify('often', 'last');
    await eventually(() => expect(other).toContain('last'));
    expect(other.length).toBeLessThan(10);
  });

  test('with more payloads than can be kept is sent as an empty payload, which stands for all', async () => {
    const [here, there] = [open('here'), open('there')];
    const other = await hearerOf(there, 'many');
    for (let n = 0; n < 1_000; n++) here.notify('many', `${n}`);
    await eventually(() => expect(other).toContain(''));
    expect(other.length).toBeLessThan(250);
  });

  test('that is settled here is sent to no other process', async () => {
    const [here, there] = [open('here'), open('there')];
    const other = await hearerOf(there, 'settled');
    let isSettled = true;
    await here.listen('settled', () => isSettled);
    here.notify('settled', 'first');
    isSettled = false;
    here.notify('settled', 'second');
    await eventually(() => expect(other).toContain('second'));
    expect(other).toEqual(['second']);
  });

  test('by a process that closes at once is received', async () => {
    const other = await hearerOf(open('there'), 'parting');
    const here = createDatabase<unknown>({ url: fixture.url, name: 'here', log, metrics: new Registry() });
    here.notify('parting', 'a');
    await here.close();
    await eventually(() => expect(other).toEqual(['a']));
  });

  test('while the server is away does no harm, and does not hold up a close', async () => {
    await using network = await startTcpProxy(Number(new URL(fixture.url).port)).then((proxy) => ({
      ...proxy,
      [Symbol.asyncDispose]: () => proxy.close(),
    }));
    const here = createDatabase<unknown>({
      url: Object.assign(new URL(fixture.url), { port: `${network.port}` }).href,
      name: 'cut',
      log,
      metrics: new Registry(),
    });
    network.freeze();
    here.notify('cut', 'a');
    const startedAt = performance.now();
    await here.close();
    expect(performance.now() - startedAt).toBeLessThan(8_000);
  });
});

/**
 * The lock of NOTIFY is taken at the commit and held until its WAL is safe, here as long as a standby that never comes does not
 * confirm it: every session that needs that lock waits too, in any database of the server.
 */
test('a slow commit holds up no commit of another database, and notifications after it are received there', async () => {
  const server = await startTestServer({ max_wal_senders: '2', synchronous_standby_names: 'nobody', synchronous_commit: 'local' });
  try {
    const admin = open('admin', server.url);
    const at = (name: string) => Object.assign(new URL(server.url), { pathname: `/${name}` }).href;
    for (const name of ['orders', 'mailer']) await sql`create database ${sql.id(name)}`.execute(admin.query);
    const [slow, other, third] = [open('slow', at('orders')), open('other', at('mailer')), open('third', at('mailer'))];
    await sql`create table rows (n int)`.execute(slow.query);
    await sql`create table rows (n int)`.execute(other.query);
    const heard = await hearerOf(third, 'appended');
    const append = (database: Database<unknown>, commit: string) =>
      database.transaction(async (tx) => {
        await sql`select set_config('synchronous_commit', ${commit}, true)`.execute(tx);
        await sql`insert into rows values (1)`.execute(tx);
        database.afterCommit(tx, () => database.notify('appended', ''));
      });
    const waiting = append(slow, 'on');
    const isStuck = async () => {
      const { rows } = await sql`select from pg_stat_activity where application_name = 'slow' and wait_event = 'SyncRep'`.execute(
        admin.query,
      );
      return rows.length === 1;
    };
    await eventually(async () => expect(await isStuck()).toBe(true));
    // And a notification waits for no standby, even where commits do.
    await sql`alter database mailer set synchronous_commit = 'on'`.execute(admin.query);
    const strict = open('strict', at('mailer'));
    await append(other, 'local');
    strict.notify('appended', 'strict');
    await eventually(() => expect(heard.toSorted()).toEqual(['', 'strict']));
    expect(await isStuck()).toBe(true);
    await sql`select pg_cancel_backend(pid) from pg_stat_activity where application_name = 'slow'`.execute(admin.query);
    await waiting;
  } finally {
    await Promise.all(opened.splice(0).map((database) => database.close()));
    await server.stop();
  }
});
