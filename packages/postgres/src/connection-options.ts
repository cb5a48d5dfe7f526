import pg from 'pg';

/** How long a connect, or the wait for a free pooled connection, may take. */
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;
/** A transaction whose process hangs between two statements must not hold its locks for ever. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000;

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
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  types: { getTypeParser },
});
