import { createRetryPolicy, type Tried, type Verdict } from '@stoa/tasks';
import type { FailureClass } from '../transports/transport.ts';

/**
 * Times that a mail may be taken up again after its process died during delivery. More than `unknowns` below: a machine that is killed ten
 * times in a row must not cost anybody their mail, and most deaths come before the server has taken anything. There must be a bound, as a
 * mail might be what kills the process.
 */
export const MOST_CRASHES = 20;
const LONGEST_STEP_MS = 15 * 60_000;
/** How long all senders leave a mail server alone that takes nothing. */
export const PAUSE_MS = 10_000;

const policy = createRetryPolicy({
  // A quarter of an hour of them.
  failures: 10,
  // Times that a mail may be sent although the server may have taken it.
  unknowns: 3,
  firstDelayMs: 2_000,
  longestDelayMs: LONGEST_STEP_MS,
  pauseMs: PAUSE_MS,
});

/**
 * `no-secret`: users did not answer. `broken`: the way to the server broke off, a fault of ours.
 * @param random from 0 to 1: spreads the delays, so that mails that failed together do not come back together.
 */
export function afterFailure(failure: FailureClass | 'no-secret' | 'broken', mail: Tried, random = Math.random()): Verdict {
  if (failure === 'no-secret') return policy.defer(mail, PAUSE_MS, random);
  if (failure === 'broken') return policy.defer(mail, LONGEST_STEP_MS, random);
  return policy.after(failure, mail, { random });
}
