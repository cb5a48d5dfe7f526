import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { Logger } from '@stoa/service';
import pg from 'pg';

/** A folder of `.sql` files named `0001-what.sql`, run in the order of their numbers. */
export interface MigrationSource {
  readonly name: string;
  readonly directory: URL;
}

export interface MigrateOptions {
  readonly url: string;
  /** In the order they are to run: what a service builds on comes before the service itself. */
  readonly sources: readonly MigrationSource[];
  readonly log: Logger;
}

/** A migration that cannot run or does not fit what was run before; the message names the file. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

interface Migration {
  readonly source: string;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

const FILE_NAME = /^\d{4}-[a-z0-9-]+\.sql$/;
/** A statement that waits longer for a table's lock makes everybody behind it wait too: fail and let the operator try again. */
const LOCK_TIMEOUT_MS = 30_000;

/**
 * Brings the database up to date: runs each file that was not run before, forward only, each in a transaction of its
 * own together with its row in `migrations`. Starters that come at the same time wait for each other.
 * @returns how many files were run.
 */
export async function migrate({ url, sources, log }: MigrateOptions): Promise<number> {
  const migrations = (await Promise.all(sources.map(readMigrations))).flat();
  const client = new pg.Client({ connectionString: url, application_name: 'stoa migrate', connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    // Held until the connection ends, so a starter that dies half way does not block the next.
    await client.query(`select pg_advisory_lock(hashtextextended('stoa migrate', 0))`);
    await client.query(`set lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query(`create table if not exists migrations (
      source text not null,
      name text not null,
      checksum text not null,
      applied_at timestamptz not null default now(),
      primary key (source, name)
    )`);
    const pending = await findPending(client, migrations, log);
    for (const migration of pending) {
      const startedAt = performance.now();
      await apply(client, migration);
      log.info({ migration: fileOf(migration), ms: Math.round(performance.now() - startedAt) }, 'migration applied');
    }
    return pending.length;
  } finally {
    await client.end();
  }
}

/** The files that `migrate` would run now. Changes nothing. */
export async function pendingMigrations({ url, sources, log }: MigrateOptions): Promise<string[]> {
  const migrations = (await Promise.all(sources.map(readMigrations))).flat();
  const client = new pg.Client({ connectionString: url, application_name: 'stoa migrate', connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<{ there: boolean }>(`select to_regclass('migrations') is not null as there`);
    return (rows[0]?.there ? await findPending(client, migrations, log) : migrations).map(fileOf);
  } finally {
    await client.end();
  }
}

/** The source's files in the order they are to run. */
export async function readMigrations({ name: source, directory }: MigrationSource): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  names.forEach((name, index) => {
    if (!FILE_NAME.test(name)) throw new MigrationError(`${source}/${name}: the name is not like 0001-what.sql`);
    if (names[index - 1]?.slice(0, 4) === name.slice(0, 4))
      throw new MigrationError(`${source}/${name}: its number is taken by ${names[index - 1]}`);
  });
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, directory.href.endsWith('/') ? directory : `${directory.href}/`), 'utf8');
      return { source, name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function findPending(client: pg.Client, migrations: readonly Migration[], log: Logger): Promise<Migration[]> {
  const { rows } = await client.query<{ source: string; name: string; checksum: string }>(
    'select source, name, checksum from migrations order by source, name',
  );
  const applied = new Map(rows.map((row) => [fileOf(row), row.checksum]));
  const pending: Migration[] = [];
  for (const migration of migrations) {
    const checksum = applied.get(fileOf(migration));
    const skipped = pending.find(({ source }) => source === migration.source);
    applied.delete(fileOf(migration));
    if (checksum === undefined) pending.push(migration);
    else if (checksum !== migration.checksum) {
      throw new MigrationError(`${fileOf(migration)}: changed after it was applied; restore it and put the change into a new file`);
    } else if (skipped !== undefined) {
      throw new MigrationError(`${fileOf(skipped)}: comes before ${migration.name}, which is already applied; give it a higher number`);
    }
  }
  const ours = new Set(migrations.map(({ source }) => source));
  const unknown = rows.filter((row) => ours.has(row.source) && applied.has(fileOf(row))).map(fileOf);
  if (unknown.length > 0) log.warn({ unknown }, 'the database has migrations that this version does not know: a newer version ran here');
  return pending;
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  try {
    await client.query('begin');
    await client.query(migration.sql);
    if (client.getTransactionStatus() !== 'T')
      throw new MigrationError(`${fileOf(migration)}: ends the transaction it runs in; leave begin, commit and rollback out`);
    await client.query('insert into migrations (source, name, checksum) values ($1, $2, $3)', [
      migration.source,
      migration.name,
      migration.checksum,
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error instanceof pg.DatabaseError ? new MigrationError(describe(migration, error), { cause: error }) : error;
  }
}

const fileOf = ({ source, name }: { readonly source: string; readonly name: string }): string => `${source}/${name}`;

/** `users/0002-what.sql:3:8: column "x" does not exist (42703)`, as editors and terminals can jump to. */
function describe(migration: Migration, { message, code, position, detail }: pg.DatabaseError): string {
  const lines =
    position === undefined
      ? undefined
      : [...migration.sql]
          .slice(0, Number(position) - 1)
          .join('')
          .split('\n');
  const at = lines ? `:${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}` : '';
  return `${fileOf(migration)}${at}: ${message} (${code})${detail ? `; ${detail}` : ''}`;
}
