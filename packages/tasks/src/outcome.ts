import type { Transaction } from 'kysely';

/**
 * What became of a call to the outside. `response` and `reason` are kept and shown to operators: no secrets, no personal data.
 * `delayMs` and `pauseMs` are thirty days at most; what is negative or not finite counts as left out.
 * - `done`: it has happened;
 * - `permanent`: it was refused and always will be: a dead letter at once;
 * - `transient`: it was refused for now: again later, each time twice as late, and counted;
 * - `unavailable`: nothing is taken there now (away, throttling, wrong credentials): all tasks with this destination pause, and nothing counts;
 * - `unknown`: it was begun and the answer is missing, so that it may have happened: again under the same idempotency key, and counted.
 */
export type Outcome<Schema> = Commits<Schema> &
  (
    | { readonly status: 'done'; readonly response?: string }
    | { readonly status: 'permanent' | 'unknown'; readonly reason: string }
    | { readonly status: 'transient'; readonly reason: string; readonly delayMs?: number }
    | { readonly status: 'unavailable'; readonly reason: string; readonly pauseMs?: number }
  );

interface Commits<Schema> {
  /**
   * What the service makes of the outcome, on the transaction that ends the run: both are committed, or neither, and neither when the task is
   * another's by then. Bears being done again after a rollback. A throw makes the outcome `unknown`.
   */
  commit?(tx: Transaction<Schema>): Promise<void>;
}
