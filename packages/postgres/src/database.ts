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
   * One statement at a time, each awaited: one beside another, or under way when `work` resolves, is a `TransactionMisuse` and rolls
   * back; after the end every statement on `tx` is refused.
   */
  transaction<T>(work: (tx: Transaction<Schema>) => Promise<T>): Promise<T>;
  /**
   * Calls `callback` after `tx` has committed, and awaits it before `transaction` resolves; never if it has not, or that is unknown.
   * The same function is called once, however often it was given.
   */
  afterCommit(tx: Transaction<Schema>, callback: () => unknown): void;
  /** From now on `tx` ends in a rollback that throws `reason`, even if the error that made it unfit is swallowed. */
  forbidCommit(tx: Transaction<Schema>, reason: Error): void;
  /**
   * Notifies every listener of `channel`: in this process at once, in others within some 15 ms, in a statement of its own. Equal ones in
   * quick succession become one. One may be lost, with the connection or the process: its listeners also poll now and then.
   * Never inside a transaction, whose commit would then wait for those of all databases of the server: use `afterCommit`.
   * @param payload up to 7,999 bytes; an empty one means that anything may have happened.
   */
  notify(channel: string, payload?: string): void;
  /**
   * Calls `handler` on each notification of `channel`, and once after every reconnect, as notifications may have been missed.
   * When it returns `true`, no other process is notified of what this one sent.
   * @returns a function that ends it.
   */
  listen(channel: string, handler: (payload: string) => unknown): Promise<() => Promise<void>>;
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
