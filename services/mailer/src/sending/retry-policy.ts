import type { FailureClass } from '../transports/transport.ts';

/** Tries that count: a quarter of an hour of them. */
const MOST_FAILURES = 10;
/** Times that a mail may be sent again although the server may have taken it. */
const MOST_UNKNOWNS = 3;
/**
 * Times that a mail may be taken up again after its process died with it in hand. More than above: a machine that is killed ten times
 * in a row must not cost anybody their mail, and most deaths come before the server has taken anything. A bound there must be, as a
 * mail might be what kills the process.
 */
export const MOST_CRASHES = 20;
const FIRST_STEP_MS = 2_000;
const LONGEST_STEP_MS = 15 * 60_000;
/** How long everybody leaves a mail server alone that takes nothing. */
export const PAUSE_MS = 10_000;
const LONGEST_DEFERRAL_MS = PAUSE_MS;

/** What is known of a mail whose try came to nothing; counts are before this try. */
export interface Tried {
  readonly failures: number;
  readonly unknowns: number;
  readonly deferrals: number;
  readonly ageSeconds: number;
  /** Older, it is wanted no more. */
  readonly patienceSeconds: number;
}

/** Where a mail goes after a try without success. `pause` also stops all other mails for `PAUSE_MS`. */
export type Verdict =
  | { readonly status: 'failed' | 'unknown' }
  | {
      readonly status: 'queued';
      readonly delayMs: number;
      readonly counts: 'failures' | 'unknowns' | 'deferrals';
      readonly pause: boolean;
    };

/**
 * `no-secret`: users did not answer. `broken`: the way to the server broke off, a fault of ours.
 * @param random from 0 to 1: spreads the delays, so that mails that failed together do not come back together.
 */
export function afterFailure(failure: FailureClass | 'no-secret' | 'broken', mail: Tried, random = Math.random()): Verdict {
  const jitter = 0.75 + random / 2;
  switch (failure) {
    case 'permanent':
      return { status: 'failed' };
    case 'unknown':
      if (mail.unknowns + 1 >= MOST_UNKNOWNS) return { status: 'unknown' };
      return retry(mail, 'unknowns', step(mail.failures + mail.unknowns, LONGEST_STEP_MS) * jitter);
    case 'transient':
      if (mail.failures + 1 >= MOST_FAILURES) return { status: 'failed' };
      return retry(mail, 'failures', step(mail.failures + mail.unknowns, LONGEST_STEP_MS) * jitter);
    case 'unavailable':
      return retry(mail, 'deferrals', PAUSE_MS * jitter, true);
    case 'no-secret':
      return retry(mail, 'deferrals', step(mail.deferrals, LONGEST_DEFERRAL_MS) * jitter);
    case 'broken':
      return retry(mail, 'deferrals', step(mail.deferrals, LONGEST_STEP_MS) * jitter);
  }
}

const step = (count: number, longest: number): number => Math.min(FIRST_STEP_MS * 2 ** count, longest);

function retry(
  { ageSeconds, patienceSeconds }: Tried,
  counts: 'failures' | 'unknowns' | 'deferrals',
  delayMs: number,
  pause = false,
): Verdict {
  if (ageSeconds + delayMs / 1000 > patienceSeconds) return { status: counts === 'unknowns' ? 'unknown' : 'failed' };
  return { status: 'queued', delayMs: Math.round(delayMs), counts, pause };
}
