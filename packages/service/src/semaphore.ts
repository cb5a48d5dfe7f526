/** At most `count` holders at a time; the longest waiter is next. */
export function createSemaphore(count: number) {
  const queue: (() => void)[] = [];
  let free = count;
  return {
    async with<T>(work: () => Promise<T>): Promise<T> {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => queue.push(resolve));
      try {
        return await work();
      } finally {
        const next = queue.shift();
        if (next) next();
        else free += 1;
      }
    },
  };
}

export type Semaphore = ReturnType<typeof createSemaphore>;
