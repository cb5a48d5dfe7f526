import { type Kysely, sql } from 'kysely';
import type { Message } from './types.ts';

/** One row of the inbox as a worker needs it. */
export interface InboxRow {
  readonly id: number;
  readonly attempts: number;
  readonly message: Message;
}

interface Columns {
  readonly id: number;
  readonly attempts: number;
  readonly message_id: string;
  readonly type: string;
  readonly version: number;
  readonly source: string;
  readonly key: string;
  readonly occurred_at: Date;
  readonly correlation_id: string;
  readonly traceparent: string;
  readonly tracestate: string | null;
  readonly data: unknown;
}

const columns = sql`id, attempts, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, tracestate, data`;

const toRow = ({ id, attempts, message_id, occurred_at, correlation_id, tracestate, ...rest }: Columns): InboxRow => ({
  id,
  attempts,
  message: {
    ...{ id: message_id, ...rest, occurredAt: occurred_at.toISOString(), correlationId: correlation_id },
    ...(tracestate === null ? {} : { tracestate }),
  },
});

const due = (consumer: string) => sql`consumer = ${consumer} and status = 'pending' and run_at <= now()`;

/** Takes due rows that no other worker holds, and holds them until the transaction ends. */
export async function takeAny<Schema>(tx: Kysely<Schema>, consumer: string, limit: number): Promise<InboxRow[]> {
  const { rows } = await sql<Columns>`
    select ${columns} from inbox where ${due(consumer)}
    order by run_at, id limit ${limit}
    for update skip locked`.execute(tx);
  return rows.map(toRow);
}

/** The keys of which a row waits for its next try; one that waits for its turn in a replay holds nothing up. In the order of `run_at`, so that the planner takes `inbox_due` and not all that is pending. */
const waitingKeys = (consumer: string) =>
  sql`select key from inbox where consumer = ${consumer} and status = 'pending' and run_at > now() and (attempts > 0 or replays = 0) order by run_at`;

/** Who has this, until the transaction ends, has the rows of an ordered consumer. */
const orderLock = (consumer: string) => sql`hashtextextended('stoa inbox ' || ${consumer}::text, 0)`;

/**
 * Takes due rows in the order they came, without those behind a row of their key that waits for its next try. One worker at a time has
 * this for a consumer: with two, the order within a key would be up to their speed.
 * @returns `undefined` when another worker has it.
 */
export async function takeOrdered<Schema>(tx: Kysely<Schema>, consumer: string, limit: number): Promise<InboxRow[] | undefined> {
  const lock = await sql<{ locked: boolean }>`
    select pg_try_advisory_xact_lock(${orderLock(consumer)}) as locked`.execute(tx);
  if (lock.rows[0]?.locked !== true) return undefined;
  const { rows } = await sql<Columns>`
    select ${columns} from inbox where ${due(consumer)}
      and key not in (${waitingKeys(consumer)})
    order by id limit ${limit}
    for update`.execute(tx);
  return rows.map(toRow);
}

export async function markDone<Schema>(tx: Kysely<Schema>, ids: readonly number[]): Promise<void> {
  await sql`update inbox set status = 'done', done_at = now() where id = any(${ids}::bigint[])`.execute(tx);
}

/**
 * Waits until no worker has rows of an ordered consumer, and lets none take any until the transaction ends. Whoever has one wait for its next
 * try does it under this: else a worker could wait for that very row and go on, with those behind it, as if it had none before it.
 */
export async function lockOrder<Schema>(tx: Kysely<Schema>, consumer: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(${orderLock(consumer)})`.execute(tx);
}

/** Counts a failure. The row may have been handled elsewhere meanwhile, and is then left as it is. */
export async function countFailure<Schema>(db: Kysely<Schema>, id: number, reason: string, waitMs: number, last: boolean): Promise<void> {
  await sql`
    update inbox set attempts = attempts + 1, reason = ${reason}, failed_at = now(), run_at = now() + ${waitMs} * interval '1 ms',
      status = case when ${last} then 'dead' else 'pending' end
    where id = ${id} and status = 'pending'`.execute(db);
}

/** Milliseconds until the consumer's next row is due that is not due yet. */
export async function nextDueMs<Schema>(db: Kysely<Schema>, consumer: string): Promise<number | undefined> {
  const { rows } = await sql<{ ms: number | null }>`
    select extract(epoch from min(run_at) - now())::float8 * 1000 as ms from inbox
    where consumer = ${consumer} and status = 'pending' and run_at > now()`.execute(db);
  return rows[0]?.ms ?? undefined;
}

/** Whether rows are due: when none could be taken, others hold them. */
export async function isDue<Schema>(db: Kysely<Schema>, consumer: string): Promise<boolean> {
  const { rows } = await sql`select from inbox where ${due(consumer)} limit 1`.execute(db);
  return rows.length > 0;
}
