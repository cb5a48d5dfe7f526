import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '@stoa/service';
import pg from 'pg';
import { connectOnce } from './connect-once.ts';
import { runIndexStatement } from './index-statement.ts';
import { fileOf, type Migration, MigrationError, type MigrationSource, NO_TRANSACTION, readMigrations } from './migration-files.ts';

export interface MigrateOptions {
  readonly url: string;
  /** In the order they are to run: what a service builds on comes before the service itself. */
  readonly sources: readonly MigrationSource[];
  readonly log: Logger;
}

/** A statement that waits longer for a table's lock makes everybody behind it wait too: fail and let the operator try again. */
const LOCK_TIMEOUT_MS = 30_000;
/** How often a starter that waits for another one polls. */
const ASK_AGAIN_MS = 250;
/** Those that the role or the database may have for the statements of services. */
const TIME_LIMITS = [
  'statement_timeout',
  'lock_timeout',
  'transaction_timeout',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
];

/**
 * Brings the database up to date: runs each file that was not run before, forward only, each in a transaction of its
 * own together with its row in `migrations`. A file that begins with `-- stoa: no transaction` holds one statement that makes or drops an
 * index `concurrently`; it is run again until it has succeeded. Starters that come at the same time wait for each other.
 * @returns how many files were run.
 */
export async function migrate({ url, sources, log }: MigrateOptions): Promise<number> {
  const migrations = (await Promise.all(sources.map(readMigrations))).flat();
  const client = await connect(url);
  try {
    await waitForTurn(client, log);
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
      await apply(client, migration, log);
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
  const client = await connect(url);
  try {
    const { rows } = await client.query<{ there: boolean }>(`select to_regclass('migrations') is not null as there`);
    return (rows[0]?.there ? await findPending(client, migrations, log) : migrations).map(fileOf);
  } finally {
    await client.end();
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = await connectOnce(url, 'stoa migrate');
  await client.query(`select set_config(name, '0', false) from pg_settings where name = any($1)`, [TIME_LIMITS]);
  return client;
}

/**
 * Takes the lock of all starters, which is held until the connection ends, so that one that dies half way does not block the next. It is
 * asked for again and again: `create index concurrently` waits for every statement that is older, one that waits for this lock among them.
 */
async function waitForTurn(client: pg.Client, log: Logger): Promise<void> {
  for (let asked = 0; ; asked += 1) {
    const { rows } = await client.query<{ ours: boolean }>(`select pg_try_advisory_lock(hashtextextended('stoa migrate', 0)) as ours`);
    if (rows[0]?.ours) return;
    if (asked === 0) log.info('waiting for another starter, which migrates this database');
    await pause(ASK_AGAIN_MS);
  }
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

async function apply(client: pg.Client, migration: Migration, log: Logger): Promise<void> {
  try {
    if (migration.index === undefined) return await applyInTransaction(client, migration);
    log.info({ migration: fileOf(migration) }, 'migration waits for the transactions that are open now');
    if (!(await runIndexStatement(client, migration.index)))
      throw new MigrationError(`${fileOf(migration)}: the name ${migration.index.index} belongs to an index of another table`);
    await record(client, migration);
  } catch (error) {
    throw error instanceof pg.DatabaseError ? new MigrationError(describe(migration, error), { cause: error }) : error;
  }
}

async function applyInTransaction(client: pg.Client, migration: Migration): Promise<void> {
  try {
    await client.query(`begin; set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query(migration.sql);
    if (client.getTransactionStatus() !== 'T')
      throw new MigrationError(`${fileOf(migration)}: ends the transaction it runs in; leave begin, commit and rollback out`);
    await record(client, migration);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

async function record(client: pg.Client, { source, name, checksum }: Migration): Promise<void> {
  await client.query('insert into migrations (source, name, checksum) values ($1, $2, $3)', [source, name, checksum]);
}

/** SQLSTATE `active_sql_transaction`. */
const NOT_IN_TRANSACTION = '25001';

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
  const hint = code === NOT_IN_TRANSACTION && migration.index === undefined ? `; begin the file with "${NO_TRANSACTION}"` : '';
  return `${fileOf(migration)}${at}: ${message} (${code})${detail ? `; ${detail}` : ''}${hint}`;
}
