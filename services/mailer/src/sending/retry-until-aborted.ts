import { setTimeout as delay } from 'node:timers/promises';

const EVERY_MS = 1_000;

/**
 * Repeats `work` until it succeeds: what has happened outside must be written down, however long the database is away.
 * `work` must bear being done twice. @throws its last error once `signal` is aborted.
 */
export async function retryUntilAborted<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw error;
      await delay(EVERY_MS, undefined, { signal }).catch(() => {});
    }
  }
}
