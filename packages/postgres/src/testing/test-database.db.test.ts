import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MigrationSource } from '../migration-files.ts';
import { testDatabase } from './index.ts';

let folder: string;
let sources: readonly MigrationSource[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'test-database-'));
  sources = [{ name: folder, directory: pathToFileURL(folder) }];
  await writeFile(join(folder, '0001-a.sql'), 'create table things (id int);');
});
afterAll(() => rm(folder, { recursive: true }));

interface Schema {
  things: { id: number };
}

test('many at once are migrated, separate from each other, and cloned from one template', async () => {
  await using first = await testDatabase<Schema>({ sources });
  const others = await Promise.all([testDatabase<Schema>({ sources }), testDatabase<Schema>({ sources })]);
  await first.database.query.insertInto('things').values({ id: 1 }).execute();
  for (const other of others) {
    expect(await other.database.query.selectFrom('things').selectAll().execute()).toEqual([]);
    const { rows } = await sql`select applied_at from migrations`.execute(other.database.query);
    expect(rows).toEqual((await sql`select applied_at from migrations`.execute(first.database.query)).rows);
    await other[Symbol.asyncDispose]();
  }
});

test('is dropped when it is disposed, even with open connections', async () => {
  await using witness = await testDatabase();
  const fixture = await testDatabase({ sources });
  const straggler = new pg.Client({ connectionString: fixture.url });
  straggler.on('error', () => {});
  await straggler.connect();
  await fixture[Symbol.asyncDispose]();
  const { rows } = await sql`select from pg_database where datname = ${new URL(fixture.url).pathname.slice(1)}`.execute(
    witness.database.query,
  );
  expect(rows).toEqual([]);
});

test('a changed migration gives a new template', async () => {
  await writeFile(join(folder, '0002-b.sql'), 'create table more ();');
  await using fixture = await testDatabase({ sources });
  await sql`select from more`.execute(fixture.database.query);
});
