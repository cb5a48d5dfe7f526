import { pause } from '@stoa/service';

/** One request that holds a place of a limit, or tries for one. */
export interface Reservation {
  /** It has got its place, and there are more: the next in line may try. */
  admitted(): void;
  /**
   * Waits in line until another request of the key is decided or admitted; a lone request of this process waits for a moment, as
   * another process may decide. @throws the reason of the signal.
   */
  otherDecided(signal: AbortSignal): Promise<void>;
  /** Decided: the next in line may try. To be called once, whatever happened. */
  leave(): void;
}

interface Line {
  /** Requests that hold a place or try for one; those that wait are not among them. */
  inside: number;
  readonly waiting: Set<() => void>;
}

/** How often the state of other processes is polled, by one request per key and process. */
const LOOK_EVERY_MS = 50;

/** The requests of this process of which it is not known yet whether they will have failed, by key. */
export function createUndecided() {
  const lines = new Map<string, Line>();

  return {
    enter(key: string): Reservation {
      const line = lines.get(key) ?? { inside: 0, waiting: new Set() };
      lines.set(key, line);
      line.inside += 1;
      const callNext = (): boolean => {
        const [next] = line.waiting;
        next?.();
        return next !== undefined;
      };
      return {
        admitted: () => void callNext(),
        async otherDecided(signal) {
          signal.throwIfAborted();
          if (line.inside === 1) {
            await pause(LOOK_EVERY_MS * (0.5 + Math.random()), signal);
            return signal.throwIfAborted();
          }
          const { promise, resolve, reject } = Promise.withResolvers<void>();
          // Counted as inside again at the moment of its call, so that the line does not seem empty meanwhile.
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
        },
        leave() {
          line.inside -= 1;
          if (!callNext() && line.inside === 0) lines.delete(key);
        },
      };
    },
  };
}
