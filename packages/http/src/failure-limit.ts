import { type LimitOptions, limitBy, type RateLimiter, type RatePolicy } from './rate-limit.ts';
import { createUndecided } from './undecided.ts';

export interface FailureLimitOptions extends Pick<LimitOptions, 'refusal'> {
  readonly limiter: RateLimiter;
  readonly policy: RatePolicy;
  /** Whether what `work` threw counts; what does not count is given back. */
  readonly isFailure: (error: unknown) => boolean;
}

export interface FailureLimit {
  /**
   * Reserves a place among the failures of the key, does `work`, and gives the place back unless that failed. Reserving first means
   * that parallel guesses cannot pass the limit together. Who finds places taken that may yet be given back waits for that, as
   * being many is no failure. With a `reply` the client is told how many are left.
   * @param signal ends the waiting; its reason is thrown.
   * @throws 429 `rate_limited`, or the refusal of the options, before `work`.
   */
  run<T>(key: string, options: RunOptions, work: () => Promise<T>): Promise<T>;
}

interface RunOptions extends Pick<LimitOptions, 'reply'> {
  readonly signal: AbortSignal;
}

/** A limit on what goes wrong, log-ins for example: whoever makes no mistakes never meets it. */
export function createFailureLimit({ limiter, policy, isFailure, refusal }: FailureLimitOptions): FailureLimit {
  const undecided = createUndecided();
  return {
    async run(key, { signal, reply }, work) {
      const place = undecided.enter(key);
      const placeFreed = () => place.otherDecided(signal);
      let giveBack = async () => {};
      let failed = false;
      try {
        giveBack = await limitBy(limiter, policy, key, { placeFreed, ...(reply && { reply }), ...(refusal && { refusal }) });
        return await work();
      } catch (error) {
        failed = isFailure(error);
        throw error;
      } finally {
        try {
          if (!failed) await giveBack();
        } finally {
          place.leave();
        }
      }
    },
  };
}
