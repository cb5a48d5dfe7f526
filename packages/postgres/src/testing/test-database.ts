import { createHash, randomUUID } from 'node:crypto';
import { createLog } from '@stoa/service';
import pg from 'pg';
import { Registry } from 'prom-client';
import { createDatabase } from '../create-database.ts';
import type { Database } from '../database.ts';
import { migrate } from '../migrate.ts';
import { type MigrationSource, readMigrations } from '../migration-files.ts';
import { startTestServer } from './test-server.ts';

export interface TestDatabaseOptions {
  /** As for `migrate`; none gives an empty database. */
  readonly sources?: readonly MigrationSource[];
  readonly maxConnections?: number;
  /** Why the check of `beforeDrop` is left out: what the test means to leave behind. */
  readonly leftoversExpected?: string;
}

export interface TestDatabase<Schema> extends AsyncDisposable {
  readonly database: Database<Schema>;
  readonly url: string;
}

const log = createLog({ level: 'silent' });
type Check = (database: Database<unknown>) => Promise<void>;
let checkBeforeDrop: Check = async () => {};

/**
 * For Vitest's set-up: `check` looks at each test database before it is dropped, and its failure is the test's. A second one takes
 * the place of the first: the set-up runs for each file, and files may share a process.
 */
export function beforeDrop(check: Check): void {
  checkBeforeDrop = check;
}

/**
 * A fresh database for one test file: cloned from a template that is migrated once per server and set of migrations.
 * Disposing closes and drops it.
 */
export async function testDatabase<Schema>({
  sources = [],
  maxConnections = 10,
  leftoversExpected,
}: TestDatabaseOptions = {}): Promise<TestDatabase<Schema>> {
  const maker = callingTest();
  const { url: server, leave } = await enterServer();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await onServer(server, async (admin) => {
    const template = await ensureTemplate(admin, server, sources);
    await admin.query(`create database ${name} template ${template} strategy file_copy`);
    await admin.query(`comment on database ${name} is ${pg.escapeLiteral(maker)}`);
  });
  const url = databaseUrl(server, name);
  const database = createDatabase<Schema>({ url, name: 'test', log, metrics: new Registry(), maxConnections });
  return {
    database,
    url,
    async [Symbol.asyncDispose]() {
      try {
        if (leftoversExpected === undefined) await checkBeforeDrop(database as Database<unknown>);
      } finally {
        await database.close();
        await onServer(server, (admin) => admin.query(`drop database if exists ${name} with (force)`));
        await leave();
      }
    },
  };
}

/** The place in the tests that asked for it, for people who find the database later. */
const callingTest = (): string => new Error().stack?.match(/[^ (/]+\.test\.ts:\d+/)?.[0] ?? 'unknown';

let own: ReturnType<typeof startTestServer> | undefined;
let guests = 0;

/** The run's server, started by Vitest's global setup; without one, a server of this process, ended with its last database. */
async function enterServer(): Promise<{ url: string; leave(): Promise<void> }> {
  const url = process.env['STOA_TEST_DATABASE_URL'];
  if (url) return { url, leave: async () => {} };
  guests++;
  const server = await (own ??= startTestServer());
  return {
    url: server.url,
    async leave() {
      if (--guests > 0) return;
      own = undefined;
      await server.stop();
    },
  };
}

/** Migrated under another name first, so that a run that is killed half way leaves no half-made template. */
async function ensureTemplate(admin: pg.PoolClient, server: string, sources: readonly MigrationSource[]): Promise<string> {
  const hash = createHash('sha256');
  for (const { source, name, checksum } of (await Promise.all(sources.map(readMigrations))).flat())
    hash.update(`${source}/${name} ${checksum}\n`);
  const template = `template_${hash.digest('hex').slice(0, 24)}`;
  await admin.query(`select pg_advisory_lock(hashtextextended($1, 0))`, [template]);
  if ((await admin.query('select from pg_database where datname = $1', [template])).rowCount === 0) {
    const draft = `draft_${randomUUID().replaceAll('-', '')}`;
    await admin.query(`create database ${draft}`);
    await migrate({ url: databaseUrl(server, draft), sources, log });
    await admin.query(`alter database ${draft} rename to ${template}`);
  }
  await admin.query(`select pg_advisory_unlock(hashtextextended($1, 0))`, [template]);
  return template;
}

/** By server, as connecting twice for each test costs some 12 ms. They keep no process alive. */
const pools = new Map<string, pg.Pool>();

async function onServer(url: string, work: (admin: pg.PoolClient) => Promise<unknown>): Promise<void> {
  const pool = pools.get(url) ?? new pg.Pool({ connectionString: url, max: 2, allowExitOnIdle: true }).on('error', () => {});
  pools.set(url, pool);
  const admin = await pool.connect();
  try {
    await work(admin);
    admin.release();
  } catch (error) {
    admin.release(true);
    throw error;
  }
}

const databaseUrl = (server: string, name: string): string => Object.assign(new URL(server), { pathname: `/${name}` }).href;
