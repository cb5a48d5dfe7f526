import { abortable } from '@stoa/service';
import type { KeyedMutex } from '../application/ports.ts';

/**
 * A queue per key, within this process. All keys of one piece of work are taken in the same instant, so that no two can wait
 * for each other in a circle.
 */
export function createKeyedMutex(): KeyedMutex {
  const last = new Map<string, Promise<void>>();
  return async (keys, work, signal) => {
    signal.throwIfAborted();
    const before = Promise.all(keys.map((key) => last.get(key)));
    const { promise: done, resolve } = Promise.withResolvers<void>();
    for (const key of keys) last.set(key, done);
    const release = () => {
      resolve();
      for (const key of keys) if (last.get(key) === done) last.delete(key);
    };
    try {
      await abortable(before, signal);
    } catch (error) {
      // Work that leaves early still keeps those behind from overtaking those before.
      void before.then(release);
      throw error;
    }
    try {
      return await work();
    } finally {
      release();
    }
  };
}
