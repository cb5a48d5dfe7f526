import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createLog } from '@stoa/service';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { migrate } from './migrate.ts';
import { MigrationError } from './migration-files.ts';
import { type TestDatabase, testDatabase } from './testing/index.ts';

const log = createLog({ level: 'silent' });
let fixture: TestDatabase<unknown>;
let folder: string;

beforeEach(async () => {
  [fixture, folder] = await Promise.all([testDatabase(), mkdtemp(join(tmpdir(), 'migrate-'))]);
});
afterEach(async () => {
  await Promise.all([fixture[Symbol.asyncDispose](), rm(folder, { recursive: true })]);
});

async function write(files: Record<string, string>): Promise<void> {
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
}
const run = () => migrate({ url: fixture.url, sources: [{ name: 'shop', directory: pathToFileURL(folder) }], log });
const refusal = () =>
  run().then(
    () => expect.fail('should have thrown'),
    (error: unknown) => error as MigrationError,
  );
const tables = async () => {
  const { rows } = await sql<{ name: string }>`select tablename as name from pg_tables where schemaname = 'public' order by 1`.execute(
    fixture.database.query,
  );
  return rows.map(({ name }) => name);
};

describe('migrate', () => {
  test('runs each file once, in the order of the numbers, and remembers it', async () => {
    await write({ '0002-b.sql': 'alter table a add column b int;', '0001-a.sql': 'create table a (); ', 'readme.md': 'not sql' });
    expect(await run()).toBe(2);
    expect(await run()).toBe(0);
    await write({ '0003-c.sql': 'create table c ();' });
    expect(await run()).toBe(1);
    const { rows } = await sql`select source, name from migrations order by name`.execute(fixture.database.query);
    expect(rows).toEqual(['0001-a.sql', '0002-b.sql', '0003-c.sql'].map((name) => ({ source: 'shop', name })));
  });

  test('many starters at once run each file exactly once', async () => {
    await write({ '0001-a.sql': 'create table a (); select pg_sleep(0.05);', '0002-b.sql': 'create table b ();' });
    const counts = await Promise.all([run(), run(), run(), run()]);
    expect(counts.toSorted()).toEqual([0, 0, 0, 2]);
  });

  test('runs the sources in the order given', async () => {
    await write({ '0001-a.sql': 'create table a ();' });
    const later = await mkdtemp(join(tmpdir(), 'migrate-'));
    await writeFile(join(later, '0001-b.sql'), 'alter table a add column b int;');
    const sources = [
      { name: 'shop', directory: pathToFileURL(folder) },
      { name: 'extra', directory: pathToFileURL(later) },
    ];
    expect(await migrate({ url: fixture.url, sources, log })).toBe(2);
    await rm(later, { recursive: true });
  });

  test('a failing statement leaves nothing of its file, keeps the files before it, and is reported with file, line, column and SQL state', async () => {
    await write({ '0001-a.sql': 'create table a ();', '0002-b.sql': "create table b ();\n-- ü\nselect 'é', nonsense;\n" });
    const error = await refusal();
    expect(error).toBeInstanceOf(MigrationError);
    expect(error.message).toBe('shop/0002-b.sql:3:13: column "nonsense" does not exist (42703)');
    expect(await tables()).toEqual(['a', 'migrations']);
    await write({ '0002-b.sql': 'create table b ();' });
    expect(await run()).toBe(1);
  });

  test('a failure without a position is reported with the message of the server', async () => {
    await write({ '0001-a.sql': 'create table a (id int primary key); insert into a values (1), (1);' });
    expect((await refusal()).message).toMatch(/^shop\/0001-a\.sql: duplicate key .*\(23505\); Key \(id\)=\(1\) already exists/);
  });

  test('a file changed after it was applied is refused by name, before anything runs', async () => {
    await write({ '0001-a.sql': 'create table a ();' });
    await run();
    await write({ '0001-a.sql': 'create table a (b int);', '0002-c.sql': 'create table c ();' });
    expect((await refusal()).message).toContain('shop/0001-a.sql: changed after it was applied');
    expect(await tables()).toEqual(['a', 'migrations']);
  });

  test('a new file with a number below one that is applied is refused', async () => {
    await write({ '0002-b.sql': 'create table b ();' });
    await run();
    await write({ '0001-a.sql': 'create table a ();' });
    expect((await refusal()).message).toContain('shop/0001-a.sql: comes before 0002-b.sql');
  });

  test('a database that a newer version migrated further is left as it is', async () => {
    await write({ '0001-a.sql': 'create table a ();', '0002-b.sql': 'create table b ();' });
    await run();
    await rm(join(folder, '0002-b.sql'));
    expect(await run()).toBe(0);
    expect(await tables()).toEqual(['a', 'b', 'migrations']);
  });

  test.each([
    [{ 'first.sql': '' }, 'not like 0001-what.sql'],
    [{ '0001-a.sql': '', '0001-b.sql': '' }, 'number is taken by 0001-a.sql'],
    [{ '0001-a.sql': 'create table a (); commit;' }, 'ends the transaction'],
  ])('refuses %o', async (files, message) => {
    await write(files);
    expect((await refusal()).message).toContain(message);
  });
});
