import { type Kysely, type RawBuilder, type Selectable, sql } from 'kysely';
import { delayed, fresh, type Mark } from './inbox-marks.ts';
import { registerRows } from './inbox-register.ts';
import type { Tables } from './tables.generated.ts';
import type { Message } from './types.ts';

/** One row of the inbox as a worker needs it. */
export interface InboxRow {
  readonly id: number;
  readonly attempts: number;
  /** The last transaction that held it was not ended by its process, which may have died because of this row. */
  readonly isSuspect: boolean;
  /** `false`: the rows before it fill the batch, and `message` comes without its data. */
  readonly isWhole: boolean;
  /** `false` of what an earlier version put there. */
  readonly isRegistered: boolean;
  readonly message: Message;
}

/** How much is taken at a time: of data one row at least, and one more than fits. */
export interface Limit {
  readonly rows: number;
  readonly bytes: number;
  /** Versions (`type version`) that are left to other copies. */
  readonly left?: readonly string[];
}

type Envelope = 'message_id' | 'type' | 'version' | 'source' | 'key' | 'occurred_at' | 'correlation_id' | 'traceparent' | 'tracestate';

interface Columns extends Pick<Selectable<Tables['inbox']>, 'id' | 'attempts' | 'registered' | Envelope | 'data'> {
  readonly is_suspect: boolean;
  readonly is_whole: boolean;
}

const envelope = sql`id, attempts, registered, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, tracestate`;

const columns = sql`${envelope}, run_at, data, xmax as holder`;

/** How the next transaction's full number differs from `holder`, which is the lower half of one: modulo 2^32, from -2^31. */
const sinceHolder = sql`((next - holder::text::bigint + 2147483648) & 4294967295) - 2147483648`;

/**
 * `xmax` is the last transaction that locked this version of the row: while we read it nobody holds it any more, and a result would
 * have made a new version. So Postgres notes, in a place that no rollback takes back, which rows a process held when it died. A
 * transaction that was committed gave the row back; `giveBack` clears what a rollback leaves.
 */
const isSuspect = sql`case when holder <> 0 and ${sinceHolder} between 1 and next - 3
  then coalesce(pg_xact_status((next - (${sinceHolder}))::text::xid8) = 'aborted', false) else false end`;

/** What `rows` selects and locks, in this order, with data for so many bytes. */
async function take<Schema>(tx: Kysely<Schema>, rows: RawBuilder<unknown>, order: RawBuilder<unknown>, bytes: number): Promise<InboxRow[]> {
  const taken = await sql<Columns>`
    with taken as (${rows})
    select ${envelope}, ${isSuspect} as is_suspect, is_whole, case when is_whole then data end as data from (
      select *, pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next, coalesce(sum(octet_length(data::text)) over (order by ${order} rows between unbounded preceding and 1 preceding), 0) < ${bytes} as is_whole
      from taken) as counted
    order by ${order}`.execute(tx);
  return taken.rows.map(toRow);
}

const toRow = ({
  id,
  attempts,
  is_suspect,
  is_whole,
  registered,
  message_id,
  occurred_at,
  correlation_id,
  tracestate,
  ...rest
}: Columns): InboxRow => ({
  id,
  attempts,
  isSuspect: is_suspect,
  isWhole: is_whole,
  isRegistered: registered,
  message: {
    ...{ id: message_id, ...rest, occurredAt: occurred_at.toISOString(), correlationId: correlation_id },
    ...(tracestate === null ? {} : { tracestate }),
  },
});

const isLeft = (left: readonly string[]) => sql`type || ' ' || version = any(${left}::text[])`;
const without = ({ left = [] }: Limit) => (left.length > 0 ? sql`and not (${isLeft(left)})` : sql``);

const freshOf = (consumer: string, { id }: Mark) => sql`consumer = ${consumer} and id >= ${id} and ${fresh}`;
const delayedOf = (consumer: string, { at }: Mark) => sql`consumer = ${consumer} and run_at >= to_timestamp(${at}) and ${delayed}`;

/** Takes due rows that no other worker holds, and holds them until the transaction ends: those with a time of their own first, or last. */
export async function takeAny<Schema>(
  tx: Kysely<Schema>,
  consumer: string,
  limit: Limit,
  mark: Mark,
  delayedFirst = true,
): Promise<InboxRow[]> {
  const queues = [
    sql`select ${columns} from inbox where ${delayedOf(consumer, mark)} and run_at <= now() ${without(limit)} order by run_at, id`,
    sql`select ${columns} from inbox where ${freshOf(consumer, mark)} ${without(limit)} order by id`,
  ];
  const [first, second] = delayedFirst ? queues : queues.toReversed();
  const rows = sql`
    with first as (${first} limit ${limit.rows} for update skip locked),
      second as (${second} limit ${limit.rows} - (select count(*) from first) for update skip locked)
    select * from first union all select * from second`;
  return await take(tx, rows, sql`run_at, id`, limit.bytes);
}

/** The keys of which a row waits for its next try; one that waits for its turn in a replay holds nothing up. */
const waitingKeys = (consumer: string, mark: Mark) =>
  sql`select key from inbox where ${delayedOf(consumer, mark)} and run_at > now() and (attempts > 0 or replays = 0)`;

/** Neither rows that are left to other copies nor, of their keys, those behind them. Reads all that waits, and only while versions differ. */
const behindLeft = (consumer: string, limit: Limit) =>
  (limit.left ?? []).length === 0
    ? sql``
    : sql`${without(limit)} and not exists (
      select from inbox earlier where earlier.consumer = ${consumer} and earlier.status = 'pending' and earlier.key = inbox.key
        and earlier.id < inbox.id and earlier.type || ' ' || earlier.version = any(${limit.left ?? []}::text[]))`;

/** Its holder has, until the transaction ends, the rows of an ordered consumer. */
const orderLock = (consumer: string) => sql`hashtextextended('stoa inbox ' || ${consumer}::text, 0)`;

/**
 * Takes due rows in the order they came, without those behind a row of their key that waits for its next try. One worker at a time has
 * this for a consumer: with two, the order within a key would be up to their speed.
 * @returns `undefined` when another worker has it.
 */
export async function takeOrdered<Schema>(tx: Kysely<Schema>, consumer: string, limit: Limit, mark: Mark): Promise<InboxRow[] | undefined> {
  const lock = await sql<{ locked: boolean }>`
    select pg_try_advisory_xact_lock(${orderLock(consumer)}) as locked`.execute(tx);
  if (lock.rows[0]?.locked !== true) return undefined;
  const order = sql`id`;
  // `id + 0` below: sorted, as the planner would walk `inbox_order` from its beginning for the order of the ids.
  const isFirst = sql`key not in (${waitingKeys(consumer, mark)}) ${behindLeft(consumer, limit)}`;
  const isDue = sql`${delayedOf(consumer, mark)} and run_at <= now() and ${isFirst}`;
  const rows = sql`
    with first as (
      select ${columns} from inbox where ${isDue} order by id + 0 limit ${limit.rows} for update
    ), second as (
      select ${columns} from inbox where ${freshOf(consumer, mark)} and ${isFirst}
        and key not in (select key from inbox where ${isDue} and id not in (select id from first))
      order by ${order} limit ${limit.rows} - (select count(*) from first) for update
    )
    select * from first union all select * from second`;
  return await take(tx, rows, order, limit.bytes);
}

/** Takes rows away that were handled; that they were there stays in the register. */
export async function remove<Schema>(tx: Kysely<Schema>, rows: readonly InboxRow[]): Promise<void> {
  const unregistered = rows.filter(({ isRegistered }) => !isRegistered);
  if (unregistered.length > 0)
    await registerRows(
      tx,
      unregistered.map(({ id }) => id),
    );
  await sql`delete from inbox where id = any(${rows.map(({ id }) => id)}::bigint[])`.execute(tx);
}

/** Clears the mark that a rollback leaves in rows. One that another worker has taken meanwhile is left alone. */
export async function giveBack<Schema>(db: Kysely<Schema>, ids: readonly number[]): Promise<void> {
  await sql`
    update inbox set run_at = run_at where id = any(array(
      select id from inbox where id = any(${ids}::bigint[]) and status = 'pending' for update skip locked))`.execute(db);
}

/**
 * Waits until no worker has rows of an ordered consumer, and lets none take any until the transaction ends. Making a row wait for its next
 * try needs this lock: else a worker could wait for that very row and go on, with those behind it, as if it had none before it.
 */
export async function lockOrder<Schema>(tx: Kysely<Schema>, consumer: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(${orderLock(consumer)})`.execute(tx);
}

export interface Failure {
  /** Which failure it is, from 1. */
  readonly attempts: number;
  readonly reason: string;
  /** Until the next try. */
  readonly waitMs: number;
  /** There is no next one. */
  readonly isLast: boolean;
}

/** Counts a failure. The row may have been handled elsewhere meanwhile, and is then left as it is. */
export async function countFailure<Schema>(db: Kysely<Schema>, id: number, { attempts, reason, waitMs, isLast }: Failure): Promise<void> {
  await sql`
    update inbox set attempts = ${attempts}, reason = ${reason}, failed_at = now(), run_at = clock_timestamp() + ${waitMs} * interval '1 ms', delayed = true,
      status = case when ${isLast} then 'dead' else 'pending' end
    where id = ${id} and status = 'pending'`.execute(db);
}

/** Removes the dead rows of `key` but for `id`. */
export async function forgetDead<Schema>(db: Kysely<Schema>, consumer: string, key: string, id: number): Promise<void> {
  await sql`delete from inbox where consumer = ${consumer} and key = ${key} and status = 'dead' and id <> ${id}`.execute(db);
}

/**
 * Takes a row whose failure was counted before its try, and takes the count back: which holds if, and only if, the transaction commits.
 * @returns whether it is still there: not when another worker has had it since.
 */
export async function retake<Schema>(tx: Kysely<Schema>, { id, attempts }: InboxRow): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update inbox set attempts = ${attempts} where id = ${id} and status = 'pending' and attempts = ${attempts + 1}`.execute(tx);
  return numAffectedRows === 1n;
}
