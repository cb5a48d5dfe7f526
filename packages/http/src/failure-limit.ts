import { enforceLimit, type LimitOptions, type RateLimiter, type RatePolicy, type RateState } from './rate-limit.ts';
import { createUndecided, type Reservation } from './undecided.ts';

export interface FailureLimitOptions extends Pick<LimitOptions, 'refusal'> {
  readonly limiter: RateLimiter;
  readonly policy: RatePolicy;
  /** Whether what `work` threw counts; what does not count is given back. */
  readonly isFailure: (error: unknown) => boolean;
}

export interface FailureLimit {
  /**
   * Reserves a place among the failures of the key, does `work`, and gives the place back unless that failed. Reserving first means
   * that parallel guesses cannot pass the limit together. A caller that finds places taken that may yet be given back, in this process
   * or another, waits for that, as concurrency alone is no failure. With a `reply` the client sees how many are left.
   * @param signal ends the waiting; its reason is thrown.
   * @throws 429 `rate_limited`, or the refusal of the options, before `work`.
   */
  run<T>(key: string, options: RunOptions, work: () => Promise<T>): Promise<T>;
}

interface RunOptions extends Pick<LimitOptions, 'reply'> {
  readonly signal: AbortSignal;
}

/** Longer than a request may wait and work: a process that died with a reserved place keeps others waiting no longer. */
const UNDECIDED_MS = 15_000;

/** A limit on failed attempts, log-ins for example: a client without failures never meets it. */
export function createFailureLimit({ limiter, policy, isFailure, refusal }: FailureLimitOptions): FailureLimit {
  const undecided = createUndecided();

  async function reserve(key: string, place: Reservation, signal: AbortSignal): Promise<RateState> {
    for (;;) {
      const state = await limiter.reserve(policy, key, UNDECIDED_MS);
      if (state.allowed && state.remaining > 0) place.admitted();
      if (state.allowed || state.undecided === 0) return state;
      await place.otherDecided(signal);
    }
  }

  return {
    async run(key, { signal, reply }, work) {
      if (policy.limit === 0) return await work();
      const place = undecided.enter(key);
      let state: RateState | undefined;
      let failed = false;
      try {
        state = await reserve(key, place, signal);
        enforceLimit(policy, state, { ...(reply && { reply }), ...(refusal && { refusal }) });
        return await work();
      } catch (error) {
        failed = isFailure(error);
        throw error;
      } finally {
        try {
          if (state?.allowed) await (failed ? limiter.confirm(policy, key, state) : limiter.refund(policy, key, state));
        } finally {
          place.leave();
        }
      }
    },
  };
}
