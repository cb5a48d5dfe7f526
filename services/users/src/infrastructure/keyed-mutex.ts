import type { OneByOne } from '../application/ports.ts';

/**
 * A queue per key, within this process. All keys of one piece of work are taken in the same instant, so that no two can wait
 * for each other in a circle.
 */
export function createKeyedMutex(): OneByOne {
  const last = new Map<string, Promise<void>>();
  return async (keys, work) => {
    const before = keys.map((key) => last.get(key));
    const { promise: done, resolve: release } = Promise.withResolvers<void>();
    for (const key of keys) last.set(key, done);
    try {
      await Promise.all(before);
      return await work();
    } finally {
      release();
      for (const key of keys) if (last.get(key) === done) last.delete(key);
    }
  };
}
