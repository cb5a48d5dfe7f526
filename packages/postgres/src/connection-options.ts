import pg from 'pg';

/** How long a connect, or the wait for a free pooled connection, may take. */
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;
/** The server has ended a statement by then: a connection that has not answered hangs. */
export const STATEMENT_LIMIT_MS = STATEMENT_TIMEOUT_MS + 5_000;
/** A client waits, and does better to retry. */
export const REQUEST_LIMIT_MS = 5_000;
/**
 * A client waits, and the holder of the lock may take too long for it. Shorter than `REQUEST_LIMIT_MS`, beyond which a connection counts as
 * hanging, and those beside it with it. In a transaction of the background there is none: see `named-pool.ts`.
 */
const LOCK_TIMEOUT_MS = 2_000;
/** A transaction whose process hangs between two statements must not hold its locks for ever. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000;

/**
 * The server drops the session of a machine that vanished, and so its locks, within 25 s instead of two hours: by keep-alives where nothing is
 * on the way, by `tcp_user_timeout` where something is, a notification for example, as no keep-alive is sent then. And it ends within 2 s
 * the statement of a client that has gone.
 */
export const SERVER_LETS_GO = [
  'tcp_keepalives_idle=10',
  'tcp_keepalives_interval=5',
  'tcp_keepalives_count=3',
  'tcp_user_timeout=20000',
  'client_connection_check_interval=2000',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

const INT8 = 20;
const DATE = 1082;

const parsers = new Map<number, (text: string) => unknown>([
  [INT8, parseInt8],
  // A calendar day has no time zone; a Date would give it one.
  [DATE, (text) => text],
]);

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`int8 value ${text} is beyond 2^53`);
  return value;
}

const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: unknown) =>
  (format === 'binary' ? undefined : parsers.get(oid)) ?? pg.types.getTypeParser(oid, format as 'text');

/** What every connection of a running service has in common. `int8` reads as number, `date` as 'YYYY-MM-DD'. */
export const connectionOptions = (url: string, applicationName: string): pg.ClientConfig => ({
  connectionString: url,
  application_name: applicationName,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  statement_timeout: STATEMENT_TIMEOUT_MS,
  lock_timeout: LOCK_TIMEOUT_MS,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
  options: SERVER_LETS_GO,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  types: { getTypeParser },
});
