import { setTimeout as delay } from 'node:timers/promises';

const EVERY_MS = 1_000;

/**
 * Repeats `work` until it succeeds: what has happened outside must be written down, however long the database is away.
 * `work` must bear being done twice. @throws its last error once `signal` is aborted, or when `repeats` says that a repeat cannot help.
 */
export async function retryUntilAborted<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  repeats: (error: unknown) => boolean = () => true,
): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || !repeats(error)) throw error;
      await delay(EVERY_MS, undefined, { signal }).catch(() => {});
    }
  }
}
