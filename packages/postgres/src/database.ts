import type { HealthPart } from '@stoa/service';
import type { Kysely, Transaction } from 'kysely';

/**
 * One service's database: a pool behind Kysely, and one more connection for listening and leading.
 * `Schema` maps table names to row types.
 */
export interface Database<Schema> {
  /** Statements outside a transaction. Inside `transaction` use the closure's argument, never this. */
  readonly query: Kysely<Schema>;
  /**
   * Runs `work` in one transaction (read committed) and commits when it resolves; a throw rolls back and passes on.
   * A commit that fails is thrown too. No HTTP, broker, mail, Redis or file inside.
   */
  transaction<T>(work: (tx: Transaction<Schema>) => Promise<T>): Promise<T>;
  /**
   * Calls `handler` on each NOTIFY of `channel`, and once after every reconnect, as notifications may have been missed.
   * @returns a function that ends it.
   */
  listen(channel: string, handler: (payload: string) => void): Promise<() => Promise<void>>;
  /**
   * Runs `work` in at most one process at a time over all that share the database (session advisory lock on `name`),
   * for as long as the connection lives: `signal` is aborted when the lock is lost or on `stop`. Other processes wait and try again.
   * `work` resolves soon after the abort. When it resolves before, this process gives the lead up, and stays out for longer than the others need
   * to take it; where nobody else does, it leads again. @returns a function that stops leading and resolves when `work` has ended.
   */
  lead(name: string, work: (signal: AbortSignal) => Promise<void>): Promise<() => Promise<void>>;
  health(): Promise<HealthPart>;
  close(): Promise<void>;
}
