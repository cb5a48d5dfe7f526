/** How often something is tried again, and when. */
export interface RetryLimits {
  /** Refusals after which it is given up. */
  readonly failures: number;
  /** Runs without a known end after which it is given up, as each may have happened. */
  readonly unknowns: number;
  /** The wait after the first of these; it doubles with each. */
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** How long nothing is sent to a destination that takes nothing. */
  readonly pauseMs: number;
}

/** What is known of a task whose run came to nothing; counts are before this run. */
export interface Tried {
  readonly failures: number;
  readonly unknowns: number;
  readonly deferrals: number;
  readonly ageSeconds: number;
  /** A task that is older is given up. */
  readonly patienceSeconds: number;
}

/** Where a task goes after a run without success. `pause` also stops all others with its destination. */
export type Verdict =
  | { readonly status: 'failed' | 'unknown' }
  | {
      readonly status: 'queued';
      readonly delayMs: number;
      readonly counts: 'failures' | 'unknowns' | 'deferrals';
      readonly pause: boolean;
    };

export interface Hints {
  /** The least that the other side wants us to wait, instead of the policy's own wait: what is negative or not finite does not count. */
  readonly delayMs?: number | undefined;
  /** From 0 to 1: spreads the delays, so that tasks that failed together do not come back together. */
  readonly random?: number | undefined;
}

/** Longer than anybody means to wait: a mistake, most likely of the unit. */
const MOST_DELAY_MS = 30 * 24 * 3_600_000;

/** A time that an outcome asks for, thirty days at most; undefined when it is none. */
export const usableDelay = (delayMs: number | undefined): number | undefined =>
  delayMs !== undefined && Number.isFinite(delayMs) && delayMs >= 0 ? Math.min(delayMs, MOST_DELAY_MS) : undefined;

/** The rules by which a task that was not done is tried again or given up. */
export function createRetryPolicy(limits: RetryLimits) {
  const { firstDelayMs, longestDelayMs, pauseMs } = limits;
  const step = (count: number, longestMs: number): number => Math.min(firstDelayMs * 2 ** count, longestMs);
  return {
    after(
      failure: 'permanent' | 'transient' | 'unavailable' | 'unknown',
      tried: Tried,
      { delayMs, random = Math.random() }: Hints = {},
    ): Verdict {
      const asked = usableDelay(delayMs);
      const waitMs =
        asked === undefined
          ? step(tried.failures + tried.unknowns, longestDelayMs) * jitter(random)
          : Math.min(asked * (1 + random / 2), MOST_DELAY_MS);
      switch (failure) {
        case 'permanent':
          return { status: 'failed' };
        case 'unknown':
          if (tried.unknowns + 1 >= limits.unknowns) return { status: 'unknown' };
          return retry(tried, 'unknowns', waitMs);
        case 'transient':
          if (tried.failures + 1 >= limits.failures) return { status: 'failed' };
          return retry(tried, 'failures', waitMs);
        case 'unavailable':
          return retry(tried, 'deferrals', pauseMs * jitter(random), true);
      }
    },
    /** It could not even begin: it waits by itself, each time twice as long up to `longestMs`, and nothing counts. */
    defer: (tried: Tried, longestMs: number, random = Math.random()): Verdict =>
      retry(tried, 'deferrals', step(tried.deferrals, longestMs) * jitter(random)),
  };
}

/** A quarter more or less. */
const jitter = (random: number): number => 0.75 + random / 2;

function retry(
  { ageSeconds, patienceSeconds }: Tried,
  counts: 'failures' | 'unknowns' | 'deferrals',
  delayMs: number,
  pause = false,
): Verdict {
  if (ageSeconds + delayMs / 1000 > patienceSeconds) return { status: counts === 'unknowns' ? 'unknown' : 'failed' };
  return { status: 'queued', delayMs: Math.round(delayMs), counts, pause };
}
