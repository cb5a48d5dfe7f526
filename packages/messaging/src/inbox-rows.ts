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
  readonly data: unknown;
}

const columns = sql`id, attempts, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data`;

const toRow = ({ id, attempts, message_id, occurred_at, correlation_id, ...rest }: Columns): InboxRow => ({
  id,
  attempts,
  message: { id: message_id, ...rest, occurredAt: occurred_at.toISOString(), correlationId: correlation_id },
});

const firstOfKey = sql`not exists (
  select from inbox earlier
  where earlier.consumer = inbox.consumer and earlier.key = inbox.key and earlier.id < inbox.id and earlier.status = 'pending')`;

/** Takes due rows that no other worker holds, and holds them until the transaction ends. */
export async function takeAny<Schema>(tx: Kysely<Schema>, consumer: string, limit: number): Promise<InboxRow[]> {
  const { rows } = await sql<Columns>`
    select ${columns} from inbox
    where consumer = ${consumer} and status = 'pending' and run_at <= now()
    order by run_at, id limit ${limit}
    for update skip locked`.execute(tx);
  return rows.map(toRow);
}

/** The first row of each key behind `after`. Walks the index from key to key: one probe each, however many rows a key has. */
const heads = (consumer: string, after: string) => sql`
  heads as (
    (select key, id, run_at from inbox where consumer = ${consumer} and status = 'pending' and key > ${after} order by key, id limit 1)
    union all
    select next.key, next.id, next.run_at from heads cross join lateral (
      select key, id, run_at from inbox where consumer = ${consumer} and status = 'pending' and key > heads.key order by key, id limit 1
    ) as next
  )`;

/**
 * Takes the first row of some keys behind `after`, where it is due, and the due rows right behind it. Who holds the first row of a
 * key holds the key, since everybody begins there.
 */
export async function takeOrdered<Schema>(tx: Kysely<Schema>, consumer: string, limit: number, after: string): Promise<InboxRow[]> {
  const taken = await sql<{ key: string }>`
    with recursive ${heads(consumer, after)}
    select key from inbox where id in (select id from heads where run_at <= now() limit ${limit}) and status = 'pending'
    for update skip locked`.execute(tx);
  const keys = taken.rows.map(({ key }) => key);
  if (keys.length === 0) return [];
  const { rows } = await sql<Columns>`
    select ${columns} from inbox
    where consumer = ${consumer} and status = 'pending' and key = any(${keys}::text[]) and not exists (
      select from inbox late
      where late.consumer = inbox.consumer and late.key = inbox.key and late.id <= inbox.id and late.status = 'pending' and late.run_at > now())
    order by id limit ${limit}
    for update`.execute(tx);
  return rows.map(toRow);
}

/** Takes one row, if it is still due, free and, when `ordered`, the first of its key. */
export async function takeOne<Schema>(tx: Kysely<Schema>, id: number, ordered: boolean): Promise<InboxRow | undefined> {
  const { rows } = await sql<Columns>`
    select ${columns} from inbox
    where id = ${id} and status = 'pending' and run_at <= now() ${ordered ? sql`and ${firstOfKey}` : sql``}
    for update skip locked`.execute(tx);
  return rows.map(toRow)[0];
}

export async function markDone<Schema>(tx: Kysely<Schema>, ids: readonly number[]): Promise<void> {
  await sql`update inbox set status = 'done', done_at = now() where id = any(${ids}::bigint[])`.execute(tx);
}

/** Counts a failure. The row may have been handled elsewhere meanwhile, and is then left as it is. */
export async function countFailure<Schema>(db: Kysely<Schema>, id: number, reason: string, waitMs: number, last: boolean): Promise<void> {
  await sql`
    update inbox set attempts = attempts + 1, reason = ${reason}, failed_at = now(), run_at = now() + ${waitMs} * interval '1 ms',
      status = case when ${last} then 'dead' else 'pending' end
    where id = ${id} and status = 'pending'`.execute(db);
}

/** Milliseconds until the consumer's next row is due, if it has one; below 0 when others hold what is due. */
export async function nextDueMs<Schema>(db: Kysely<Schema>, consumer: string, ordered: boolean): Promise<number | undefined> {
  const pending = sql`pending as (select run_at from inbox where consumer = ${consumer} and status = 'pending')`;
  const { rows } = await sql<{ ms: number | null }>`
    with recursive ${ordered ? heads(consumer, '') : pending}
    select extract(epoch from min(run_at) - now())::float8 * 1000 as ms from ${sql.ref(ordered ? 'heads' : 'pending')}`.execute(db);
  return rows[0]?.ms ?? undefined;
}
