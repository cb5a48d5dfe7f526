import { setTimeout as delay } from 'node:timers/promises';

/**
 * Repeats `probe` until it neither throws nor rejects, and returns what it returned. For what happens soon, but not at
 * once; never wait for a fixed time instead.
 * @throws the last failure of the probe once `timeoutMs` (20 s by default) have passed.
 */
export async function eventually<T>(probe: () => T | Promise<T>, { timeoutMs = 20_000, intervalMs = 25 } = {}): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (performance.now() >= deadline) throw error;
    }
    await delay(intervalMs);
  }
}
