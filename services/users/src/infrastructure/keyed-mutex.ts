/** Runs work one after the other where it shares a key; work without a common key does not wait for each other. */
export interface KeyedMutex {
  run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T>;
}

/** All keys of one piece of work are taken in the same instant, so no two can wait for each other in a circle. */
export function createKeyedMutex(): KeyedMutex {
  const last = new Map<string, Promise<void>>();
  return {
    async run(keys, work) {
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
    },
  };
}
