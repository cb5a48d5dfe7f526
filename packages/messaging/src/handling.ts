import { withTimeout } from '@stoa/service';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { InboxRow } from './inbox-rows.ts';
import type { Taken } from './live-copies.ts';
import { inHandlingSpan } from './message-spans.ts';
import type { Message } from './types.ts';

/** What a worker serves: a consumer, or a job. */
export interface Handler<Schema> {
  /** The value of `inbox.consumer`. */
  readonly name: string;
  readonly ordered: boolean;
  /** Rows of a transaction, where the consumer sets it. */
  readonly batch?: number | undefined;
  /** A job that is enqueued every so many seconds. */
  readonly everySeconds?: number | undefined;
  /** The versions of messages that it takes. */
  readonly takes: readonly Taken[];
  handle(tx: Transaction<Schema>, message: Message): Promise<void>;
}

/** Runs the handler on `tx`, in the context of the message, no longer than `timeoutMs`. Its effects stand or fall with the transaction. */
export async function runHandler<Schema>(
  handler: Handler<Schema>,
  tx: Transaction<Schema>,
  row: InboxRow,
  timeoutMs: number,
): Promise<void> {
  const late = () => {
    throw new Error(`the handler ran longer than ${timeoutMs} ms`);
  };
  await inHandlingSpan(handler.name, row, () => withTimeout(handler.handle(tx, row.message), timeoutMs, late));
}

/** Lets the server end a statement that outlives the handler's time, and the transaction of a process that stands still. */
export async function limitTransaction<Schema>(tx: Kysely<Schema>, timeoutMs: number): Promise<void> {
  await sql`
    select set_config('statement_timeout', ${String(timeoutMs)}, true),
      set_config('idle_in_transaction_session_timeout', ${String(2 * timeoutMs)}, true)`.execute(tx);
}
