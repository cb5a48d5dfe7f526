/** One request that holds a place of a limit, or tries for one. */
export interface Place {
  /**
   * Waits in line until another request of the key is decided. @returns false at once when there is none: what is taken then
   * stays taken. @throws the reason of the signal.
   */
  otherDecided(signal: AbortSignal): Promise<boolean>;
  /** Decided: the next in line may try. To be called once, whatever happened. */
  leave(): void;
}

interface Line {
  /** Requests that hold a place or try for one; those that wait are not among them. */
  inside: number;
  readonly waiting: Set<() => void>;
}

/** The requests of this process of which it is not known yet whether they will have failed, by key. */
export function createUndecided() {
  const lines = new Map<string, Line>();

  return {
    enter(key: string): Place {
      const line = lines.get(key) ?? { inside: 0, waiting: new Set() };
      lines.set(key, line);
      line.inside += 1;
      return {
        async otherDecided(signal) {
          if (line.inside === 1) return false;
          signal.throwIfAborted();
          const { promise, resolve, reject } = Promise.withResolvers<void>();
          // Back inside in the instant of its call, so that nobody takes the line for empty meanwhile.
          const goOn = () => {
            line.waiting.delete(goOn);
            line.inside += 1;
            resolve();
          };
          const giveUp = () => reject(signal.reason);
          signal.addEventListener('abort', giveUp, { once: true });
          line.waiting.add(goOn);
          line.inside -= 1;
          try {
            await promise;
          } finally {
            signal.removeEventListener('abort', giveUp);
            if (line.waiting.has(goOn)) goOn();
          }
          return true;
        },
        leave() {
          line.inside -= 1;
          const [next] = line.waiting;
          if (next !== undefined) next();
          else if (line.inside === 0) lines.delete(key);
        },
      };
    },
  };
}
