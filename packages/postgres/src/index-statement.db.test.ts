import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createLog } from '@stoa/service';
import { eventually, startTcpProxy } from '@stoa/service/testing';
import { type RawBuilder, sql } from 'kysely';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { migrate, pendingMigrations } from './migrate.ts';
import { MigrationError } from './migration-files.ts';
import { type TestDatabase, testDatabase } from './testing/index.ts';

const log = createLog({ level: 'silent' });
const TABLE = { '0001-a.sql': 'create table a (id int not null, note text); insert into a values (1), (2);' };
const INDEX =
  '-- stoa: no transaction\n-- Serves the test; nothing else.\ncreate unique index concurrently if not exists a_id\n  on a (id);\n';

let fixture: TestDatabase<unknown>;
let folder: string;
let writer: pg.Client;

beforeEach(async () => {
  [fixture, folder] = await Promise.all([testDatabase(), mkdtemp(join(tmpdir(), 'migrate-'))]);
  writer = new pg.Client({ connectionString: fixture.url });
  writer.on('error', () => {});
  await writer.connect();
});
afterEach(async () => {
  await writer.end();
  await Promise.all([fixture[Symbol.asyncDispose](), rm(folder, { recursive: true })]);
});

async function write(files: Record<string, string>): Promise<void> {
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
}
const options = (url = fixture.url) => ({ url, sources: [{ name: 'shop', directory: pathToFileURL(folder) }], log });
const run = (url?: string) => migrate(options(url));
const refusal = (running = run()) =>
  running.then(
    () => expect.fail('should have thrown'),
    (error: unknown) => error as Error,
  );
/** The indexes of a table, each with whether it is used. */
const indexes = async (table = 'a') => {
  const { rows } = await writer.query<{ name: string; valid: boolean }>(
    'select indexrelid::regclass::text as name, indisvalid as valid from pg_index where indrelid = to_regclass($1) order by 1',
    [table],
  );
  return rows;
};
/** What the server does just now: asked for outside of the writer's transaction, which would get the same answer again and again. */
const activity = async (that: RawBuilder<unknown>) => {
  const { rows } = await sql<{ pid: number }>`
    select pid from pg_stat_activity where datname = current_database() and ${that}`.execute(fixture.database.query);
  return rows.map(({ pid }) => pid);
};
/** The process of the server that makes an index, and waits for a transaction that is older, for some time now. */
const building = (ms = 0) =>
  eventually(async () => {
    const pids = await activity(sql`query like '%index concurrently%' and wait_event = 'virtualxid'
      and clock_timestamp() - query_start > ${ms} * interval '1 ms'`);
    expect(pids).toHaveLength(1);
    return pids[0] as number;
  });

describe('a file that begins with "-- stoa: no transaction"', () => {
  beforeEach(async () => {
    await write(TABLE);
    await run();
    await write({ '0002-index.sql': INDEX });
  });

  test('makes its index while others write to the table, and waits for those that had begun, longer than the limits for other statements', async () => {
    await writer.query(`do $$ begin execute format('alter database %I set lock_timeout = 100', current_database());
      execute format('alter database %I set statement_timeout = 100', current_database()); end $$`);
    await writer.query('begin; insert into a values (3)');
    const running = run();
    await building(300);
    const other = new pg.Client({ connectionString: fixture.url });
    await other.connect();
    await other.query(`insert into a values (4); update a set note = 'x' where id = 1`);
    await other.end();
    expect(await pendingMigrations(options())).toEqual(['shop/0002-index.sql']);
    await writer.query('commit');
    expect(await running).toBe(1);
    expect(await indexes()).toEqual([{ name: 'a_id', valid: true }]);
    await writer.query('set enable_seqscan = off');
    expect((await writer.query('select id from a order by id')).rows).toEqual([1, 2, 3, 4].map((id) => ({ id })));
    expect(await run()).toBe(0);
  });

  test('counts as run only when it has succeeded, and what it left behind is made anew by the next start', async () => {
    await writer.query('insert into a values (2)');
    const error = await refusal();
    expect(error).toBeInstanceOf(MigrationError);
    expect(error.message).toMatch(/^shop\/0002-index\.sql: could not create unique index "a_id" \(23505\); Key \(id\)=\(2\) is duplicated/);
    expect(await pendingMigrations(options())).toEqual(['shop/0002-index.sql']);
    expect(await indexes()).toEqual([{ name: 'a_id', valid: false }]);
    expect((await refusal()).message).toContain('could not create unique index');
    await writer.query('delete from a where id = 2');
    expect(await run()).toBe(1);
    expect(await indexes()).toEqual([{ name: 'a_id', valid: true }]);
  });

  test('several starters at once make it exactly once, though one that makes it waits for every statement that is older', async () => {
    await writer.query('begin; insert into a values (3)');
    const running = [run(), run(), run()];
    await building();
    // Each waits for its turn now, and none holds a statement open that the first one waits for.
    await eventually(async () => expect(await activity(sql`state = 'idle' and query like '%pg_try_advisory_lock%'`)).toHaveLength(2));
    await writer.query('commit');
    expect((await Promise.all(running)).toSorted()).toEqual([0, 0, 1]);
    expect(await indexes()).toEqual([{ name: 'a_id', valid: true }]);
  });

  test('is cut off by the end of its connection on the server, and made by the next start', async () => {
    await writer.query('begin; insert into a values (3)');
    const failure = refusal();
    await writer.query('select pg_terminate_backend($1)', [await building()]);
    expect((await failure).message).toContain('terminating connection');
    expect(await indexes()).toEqual([{ name: 'a_id', valid: false }]);
    await writer.query('commit');
    expect(await run()).toBe(1);
    expect(await indexes()).toEqual([{ name: 'a_id', valid: true }]);
  });

  test('is cut off by the end of its starter, whose turn passes to the next one although a transaction holds it up', async () => {
    const target = new URL(fixture.url);
    const proxy = await startTcpProxy(Number(target.port));
    await writer.query('begin; insert into a values (3)');
    const failure = refusal(run(Object.assign(new URL(target), { port: String(proxy.port) }).href));
    const pid = await building();
    const next = run();
    await proxy.close();
    expect((await failure).message).toMatch(/ECONNRESET|Connection terminated/);
    await eventually(async () => expect(await building()).not.toBe(pid));
    await writer.query('commit');
    expect(await next).toBe(1);
    expect(await indexes()).toEqual([{ name: 'a_id', valid: true }]);
  });

  test('takes an index that was made just before its starter ended as its own', async () => {
    await writer.query('create unique index a_id on a (id)');
    expect(await run()).toBe(1);
    expect(await run()).toBe(0);
  });

  test('never takes the index of another table for its own', async () => {
    await writer.query('create table b (id int); create index a_id on b (id)');
    expect((await refusal()).message).toBe('shop/0002-index.sql: the name a_id belongs to an index of another table');
    expect(await indexes('b')).toEqual([{ name: 'a_id', valid: true }]);
    expect(await pendingMigrations(options())).toEqual(['shop/0002-index.sql']);
  });

  test('may drop an index, and be repeated', async () => {
    await writer.query('create index a_note on a (note)');
    await write({ '0003-drop.sql': '-- stoa: no transaction\ndrop index concurrently if exists a_note;\n' });
    expect(await run()).toBe(2);
    expect(await indexes()).toEqual([{ name: 'a_id', valid: true }]);
    await writer.query(`delete from migrations where name = '0003-drop.sql'`);
    expect(await run()).toBe(1);
  });

  test.each([
    ['nothing', ''],
    ['two statements', 'create index concurrently if not exists x on a (id); drop index concurrently if exists y;'],
    ['two statements, one of them in the condition', "create index concurrently if not exists x on a (id) where note <> ';'; select 1"],
    ['an index that cannot be made a second time', 'create index concurrently x on a (id);'],
    ['an index without a name', 'create index concurrently on a (id);'],
    ['an index that blocks writers', 'create index if not exists x on a (id);'],
    ['a change of rows, which might come twice', 'update a set id = id + 1;'],
    ['a comment in front of it alone', '/* drop */ drop index concurrently if exists x;'],
  ])('is refused before anything runs when it holds %s', async (_, statement) => {
    await write({ '0003-refused.sql': `-- stoa: no transaction\n${statement}\n` });
    expect((await refusal()).message).toContain('shop/0003-refused.sql: holds exactly one statement');
    expect(await indexes()).toEqual([]);
  });
});

test('a file that needs to run outside of a transaction, and does not say so, fails with a hint', async () => {
  await write({ ...TABLE, '0002-index.sql': 'create index concurrently if not exists a_id on a (id);' });
  expect((await refusal()).message).toBe(
    'shop/0002-index.sql: CREATE INDEX CONCURRENTLY cannot run inside a transaction block (25001); begin the file with "-- stoa: no transaction"',
  );
});
