import { AppError, type Logger, pause } from '@stoa/service';

const EVERY_MS = 1_000;
/** A minute of repeats for each line of the log. */
const REPEATS_PER_LINE = 60;
const AWAY = new Set(['database_unavailable', 'database_busy']);

/** Whether a repeat can help: every other error comes again. */
export const isDatabaseAway = (error: unknown): boolean => error instanceof AppError && AWAY.has(error.code);

/**
 * Repeats `work` while the database is away or busy: what has happened outside must be written down, however long that takes.
 * `work` must bear being done twice. @throws its last error once `signal` is aborted, and every other error at once.
 */
export async function retryUntilAborted<T>(
  work: () => Promise<T>,
  { signal, log, everyMs = EVERY_MS }: { readonly signal: AbortSignal; readonly log: Logger; readonly everyMs?: number },
): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || !isDatabaseAway(error)) throw error;
      if (failures % REPEATS_PER_LINE === 0)
        log.warn({ err: error, failures: failures + 1 }, 'what has happened cannot be written down, will try again: the database is away');
      await pause(everyMs, signal);
    }
  }
}
