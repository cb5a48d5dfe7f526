import { databaseErrors } from './database-errors.ts';

/** SQLSTATE classes and codes that say "the server cannot serve now": 08 connection, 53 resources, 57P0x shut down. */
const SQL_STATES = /^(08...|53...|57P0[1-5])$/;
const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);
/** What `pg` and its pool say without a code. */
const MESSAGES =
  /^(timeout exceeded when trying to connect|timeout expired|Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|Cannot use a pool after calling end)/;

/** `true` when a statement got no answer in time: its connection is not to be used any more. */
export const isSilence = (error: unknown): error is Error => error instanceof Error && error.message === 'Query read timeout';

/** `true` when the database is away or has no connection to give: a repeat later may succeed. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isUnavailable);
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return SQL_STATES.test(code) || SOCKET_CODES.has(code) || MESSAGES.test(error.message);
}

/** A lock was not given within `lock_timeout`: SQLSTATE `lock_not_available`. The connection is well. */
const isLockWait = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === '55P03';

/** Turns a lost or refused connection, and a lock that is not given, into what a caller is meant to see (503), and leaves every other as it is. */
export function asUnavailable(error: unknown): unknown {
  if (isLockWait(error)) return databaseErrors.database_busy({ retryAfterSeconds: 1, cause: error });
  return isUnavailable(error) ? databaseErrors.database_unavailable({ retryAfterSeconds: 2, cause: error }) : error;
}
