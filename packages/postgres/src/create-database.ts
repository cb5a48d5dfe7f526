import { type HealthPart, type Logger, type Metrics, withTimeout } from '@stoa/service';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { connectionOptions, REQUEST_LIMIT_MS, STATEMENT_LIMIT_MS } from './connection-options.ts';
import { hasEnded } from './cut-off.ts';
import type { Database } from './database.ts';
import { runGuarded, stateOf, type WhenCommitted } from './guarded-transaction.ts';
import { namedPool } from './named-pool.ts';
import { registerPool } from './pool-metrics.ts';
import { createSession } from './session.ts';

export interface DatabaseOptions {
  /** `postgres://role:password@host:port/database`. */
  readonly url: string;
  /** The service's name: label of metrics and logs, and `application_name` on the server. */
  readonly name: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Size of the pool; one more connection is opened by the first `listen` or `lead`. */
  readonly maxConnections?: number;
  /** How long a caller waits for a free connection before it gets `database_unavailable`. */
  readonly acquireTimeoutMs?: number;
  /** How long a request waits for the answer to a statement before it gets `database_unavailable`. */
  readonly requestLimitMs?: number;
  /** The same for background work: longer than the server lets a statement take. */
  readonly statementLimitMs?: number;
}

/** Longer than the pool's 10 s: a new connection costs a password exchange and forgets the named statements. */
const IDLE_TIMEOUT_MS = 60_000;
/** Health must answer fast even while the database does not. */
const HEALTH_TIMEOUT_MS = 2_000;

/** Opens no connection by itself: the first statement does. */
export function createDatabase<Schema>({
  url,
  name,
  log,
  metrics,
  maxConnections = 10,
  acquireTimeoutMs,
  requestLimitMs = REQUEST_LIMIT_MS,
  statementLimitMs = STATEMENT_LIMIT_MS,
}: DatabaseOptions): Database<Schema> {
  const options = connectionOptions(url, name);
  const pool = new pg.Pool({
    ...options,
    max: maxConnections,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    ...(acquireTimeoutMs && { connectionTimeoutMillis: acquireTimeoutMs }),
  });
  // Without a listener a connection that dies, idle or between two statements, would end the process.
  pool.on('error', (error) => log.warn({ database: name, reason: error.message }, 'idle database connection lost'));
  const ended = new Map<pg.PoolClient, Promise<void>>();
  pool.on('connect', (client) => {
    client.on('error', () => {});
    const end = new Promise<void>((resolve) => client.once('end', resolve)).finally(() => ended.delete(client));
    ended.set(client, end);
  });
  const unregister = registerPool(metrics, name, pool);
  const dialect = new PostgresDialect({ pool: namedPool(pool, { requestLimitMs, statementLimitMs }) });
  const query = new Kysely<Schema>({ dialect });
  const runSafely = async (callback: () => unknown): Promise<void> => {
    try {
      await callback();
    } catch (error) {
      log.error({ err: error, database: name }, 'callback after a commit threw');
    }
  };
  const session = createSession({ options: { ...options, application_name: `${name} session` }, log, name });

  return {
    query,
    async transaction(work) {
      const whenCommitted: WhenCommitted = new Set();
      const transaction = query.transaction().setIsolationLevel('read committed');
      const result = await transaction.execute((tx) => runGuarded(tx, dialect, work, whenCommitted));
      for (const callback of whenCommitted) await runSafely(callback);
      return result;
    },
    afterCommit: (tx, callback) => void stateOf(tx).whenCommitted.add(callback),
    forbidCommit(tx, reason) {
      stateOf(tx).fault ??= reason;
    },
    notify: session.notify,
    listen: session.listen,
    lead: session.lead,
    health: () => checkHealth(pool),
    async close() {
      unregister();
      await session.close();
      await query.destroy();
      // Kysely ends the pool only if it has used it; health may have used it alone.
      if (!pool.ending) await pool.end();
      // The pool reports its end as soon as it has asked its connections to end; a stop of the server after that must not cut them off.
      await Promise.all([...ended].map(([client, end]) => hasEnded(client, end)));
    },
  };
}

async function checkHealth(pool: pg.Pool): Promise<HealthPart> {
  try {
    // With a limit of its own: a connection that hangs is dropped by it.
    const statement = { text: 'select 1', query_timeout: HEALTH_TIMEOUT_MS };
    await withTimeout(pool.query(statement), HEALTH_TIMEOUT_MS);
    return { name: 'database', ok: true };
  } catch (error) {
    return { name: 'database', ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
