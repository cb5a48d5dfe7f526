import type { Database } from '@stoa/postgres';
import { type Kysely, sql } from 'kysely';
import { bytesBefore, holdsUp, type Limit, type MessageColumns, messageColumns, moveSent, toMessage } from './outbox-rows.ts';
import type { Message } from './types.ts';
import type { Route } from './waiting-routes.ts';

/** A delivery that waits: what one subscriber has not taken yet. */
export interface WaitingRow {
  readonly id: number;
  readonly subscriber: string;
  readonly attempts: number;
  readonly retryAt: Date;
  readonly isLate: boolean;
  readonly message: Message;
}

/** A delivery that is to wait, or a dead letter from the beginning. */
export interface SetAside {
  readonly outboxId: number;
  readonly subscriber: string;
  readonly attempts: number;
  readonly waitMs: number;
  readonly reason: string | null;
  readonly isParked: boolean;
}

/** What is due on a route. */
export interface Due {
  readonly rows: readonly WaitingRow[];
  /** None of the route that is not under way is to be tried before this. */
  readonly floor: Date;
  /** There was more data than fits. */
  readonly isFull: boolean;
}

interface Columns extends MessageColumns {
  readonly id: number;
  readonly floor: Date;
  readonly looked: number;
  readonly attempts: number;
  readonly retry_at: Date;
  readonly is_due: boolean;
  readonly is_late: boolean;
}

interface Moved {
  readonly outbox_id: number;
  readonly subscriber: string;
  readonly key: string;
}

/** From a floor on. One that lies ahead is of before the clock of the database was set back: then from the beginning. */
const isFrom = (floor: Date) => sql`retry_at >= case when ${floor}::timestamptz <= now() then ${floor}::timestamptz else '-infinity' end`;

/** The relay's statements on deliveries that wait. Of a key and subscriber one is the first, and only that one is looked for. */
export function createWaitingRows<Schema>(source: string, database: Database<Schema>, { bytes, hours, ofKey }: Omit<Limit, 'rows'>) {
  const { query } = database;

  /** Those behind have their turn. */
  async function promote(tx: Kysely<Schema>, moved: readonly Moved[]): Promise<void> {
    await sql`
      update outbox_waiting set is_first = true, retry_at = greatest(retry_at, now())
      where id in (
        select next.id from unnest(${moved.map((row) => row.subscriber)}::text[], ${moved.map(({ key }) => key)}::text[]) as moved (subscriber, key)
        cross join lateral (
          select id, is_first from outbox_waiting waiting
          where waiting.subscriber = moved.subscriber and waiting.key = moved.key and parked_at is null
          order by outbox_id limit 1) as next
        where not next.is_first)`.execute(tx);
  }

  return {
    /** The routes of all that waits. */
    async routes(): Promise<Route[]> {
      const { rows } = await sql<Route>`
        with recursive found as (
          (select subscriber, type from outbox_waiting where is_first and parked_at is null order by subscriber, type limit 1)
          union all
          select next.subscriber, next.type from found cross join lateral (
            select subscriber, type from outbox_waiting
            where is_first and parked_at is null and (subscriber, type) > (found.subscriber, found.type)
            order by subscriber, type limit 1) as next
        ) select subscriber, type from found`.execute(query);
      return rows;
    },

    /** What is due on a route since `floor`, `most` rows: of each key the first, and some that come behind it. */
    async due({ subscriber, type }: Route, floor: Date, most: number, inHand: readonly number[]): Promise<Due> {
      const keys = Math.ceil(most / 4);
      const { rows } = await sql<Columns>`
        with first as (
          select key, outbox_id, retry_at as due_at from outbox_waiting
          where subscriber = ${subscriber} and type = ${type} and is_first and parked_at is null
            and ${isFrom(floor)} and retry_at <= now() and id <> all(${inHand}::bigint[])
          order by retry_at, outbox_id limit ${keys}
        ), behind as (
          select waiting.*, due_at from first cross join lateral (
            select id, outbox_id, attempts, retry_at, key, type from outbox_waiting waiting
            where waiting.subscriber = ${subscriber} and waiting.key = first.key and parked_at is null
              and waiting.outbox_id >= first.outbox_id and (attempts > 0 or retry_at <= now()) and id <> all(${inHand}::bigint[])
            order by waiting.outbox_id limit ${ofKey}) as waiting
          limit ${most}
        )
        select *, (select min(due_at) from first) as floor, retry_at <= now() as is_due, occurred_at < now() - ${hours} * interval '1 h' as is_late from (
          select behind.id, behind.attempts, behind.retry_at, behind.key, behind.type, behind.outbox_id, ${messageColumns}, ${bytesBefore(sql`behind.outbox_id`)},
            count(*) over ()::int as looked
          from behind join (select id as row_id, ${messageColumns} from outbox) as outbox on row_id = behind.outbox_id) as measured
        where bytes_before < ${bytes} order by outbox_id`.execute(query);
      const held = new Set<string>();
      const due = rows.flatMap((columns) => {
        const { id, key, attempts, retry_at: retryAt, is_late: isLate } = columns;
        // One that failed and is not due yet holds up those behind it.
        if (!columns.is_due) held.add(key);
        return held.has(key) ? [] : [{ id, subscriber, attempts, retryAt, isLate, message: toMessage(source, columns) }];
      });
      return { rows: due, floor: rows[0]?.floor ?? floor, isFull: rows.length < (rows[0]?.looked ?? 0) };
    },

    /** When the next of a route is due: milliseconds from now, or undefined when nothing waits there. */
    async nextDueMs({ subscriber, type }: Route, floor: Date): Promise<number | undefined> {
      const { rows } = await sql<{ ms: number | null }>`
        select extract(epoch from min(retry_at) - now())::float8 * 1000 as ms from outbox_waiting
        where subscriber = ${subscriber} and type = ${type} and is_first and parked_at is null and ${isFrom(floor)}`.execute(query);
      return rows[0]?.ms ?? undefined;
    },

    /** Has deliveries of rows wait, each by itself; the rows are then fresh no more. */
    async setAside(deliveries: readonly SetAside[]): Promise<void> {
      if (deliveries.length === 0) return;
      const column = (value: (delivery: SetAside) => unknown): unknown[] => deliveries.map(value);
      await sql`
        with given as (
          select * from unnest(${column(({ outboxId }) => outboxId)}::bigint[], ${column(({ subscriber }) => subscriber)}::text[],
            ${column(({ attempts }) => attempts)}::integer[], ${column(({ waitMs }) => waitMs)}::float8[], ${column(({ reason }) => reason)}::text[],
            ${column(({ isParked }) => isParked)}::boolean[]) as given (outbox_id, subscriber, attempts, wait_ms, reason, is_parked)
        ), split as (
          update outbox set is_split = true, retry_at = now(),
            parked_at = case when (select bool_and(is_parked) from given where outbox_id = outbox.id) then now() end
          where id in (select outbox_id from given) and sent_at is null
          returning id, type, key
        )
        insert into outbox_waiting (outbox_id, subscriber, type, key, is_first, attempts, reason, retry_at, parked_at)
        select outbox_id, subscriber, type, key,
          not is_parked and row_number() over (partition by subscriber, key, is_parked order by outbox_id) = 1 and not exists (
            select from outbox_waiting waiting
            where waiting.subscriber = given.subscriber and waiting.key = split.key and ${holdsUp}),
          attempts, reason, now() + wait_ms * interval '1 ms', case when is_parked then now() end
        from given join split on split.id = outbox_id
        on conflict (outbox_id, subscriber) do nothing`.execute(query);
    },

    /** The subscribers have these. @returns how many rows of the outbox are now with all of theirs. */
    settle: (ids: readonly number[]): Promise<number> =>
      ids.length === 0
        ? Promise.resolve(0)
        : database.transaction(async (tx) => {
            const { rows: gone } = await sql<Moved>`
              delete from outbox_waiting where id = any(${ids}::bigint[]) returning outbox_id, subscriber, key`.execute(tx);
            await promote(tx, gone);
            const outboxIds = gone.map((row) => row.outbox_id);
            return await finish(tx, outboxIds);
          }),

    /** Counts a refusal, and has the delivery wait. */
    async countRefusal(id: number, reason: string, waitMs: number): Promise<void> {
      await sql`
        update outbox_waiting set attempts = attempts + 1, reason = ${reason}, retry_at = now() + ${waitMs} * interval '1 ms'
        where id = ${id} and parked_at is null`.execute(query);
    },

    /** Gives deliveries up: dead letters. `failures` are counted on top. */
    park: (ids: readonly number[], reason: string, failures: number): Promise<void> =>
      database.transaction(async (tx) => {
        const { rows } = await sql<Moved>`
          update outbox_waiting set parked_at = now(), is_first = false, reason = ${reason}, attempts = attempts + ${failures}
          where id = any(${ids}::bigint[]) and parked_at is null returning outbox_id, subscriber, key`.execute(tx);
        await promote(tx, rows);
        await sql`
          update outbox set parked_at = now()
          where id = any(${rows.map((row) => row.outbox_id)}::bigint[]) and not exists (
            select from outbox_waiting waiting where waiting.outbox_id = outbox.id and waiting.parked_at is null)`.execute(tx);
      }),

    /**
     * Takes over what an older copy set aside or parked in the outbox, and has the first of each key be the first: two processes that lead for a
     * moment, while one has not yet noticed that it does not any more, may leave a key without.
     */
    adopt: (): Promise<void> =>
      database.transaction(async (tx) => {
        await adoptAside(tx);
        await repair(tx);
      }),
  };
}

/** Rows of which no delivery waits any more leave the outbox; those of which parked ones are left are parked. */
async function finish<Schema>(tx: Kysely<Schema>, outboxIds: readonly number[]): Promise<number> {
  await sql`
    update outbox set parked_at = now()
    where id = any(${outboxIds}::bigint[]) and parked_at is null
      and exists (select from outbox_waiting waiting where waiting.outbox_id = outbox.id)
      and not exists (select from outbox_waiting waiting where waiting.outbox_id = outbox.id and waiting.parked_at is null)`.execute(tx);
  return await moveSent(
    tx,
    sql`id = any(${outboxIds}::bigint[]) and not exists (select from outbox_waiting waiting where waiting.outbox_id = outbox.id)`,
  );
}

/** Has what an older copy set aside or parked in the outbox wait, or be parked, for each of its subscribers. A dead letter keeps its id for the first. */
export async function adoptAside<Schema>(tx: Kysely<Schema>): Promise<void> {
  const { rows } = await sql<{ id: number }>`
    update outbox set is_split = true, retry_at = coalesce(retry_at, now())
    where not is_split and sent_at is null and (retry_at is not null or parked_at is not null) returning id`.execute(tx);
  if (rows.length === 0) return;
  const ids = rows.map(({ id }) => id);
  await sql`
    insert into outbox_waiting (id, outbox_id, subscriber, type, key, is_first, attempts, reason, retry_at, parked_at, replays, replayed_at, replay_id)
    select case when row_number() over (partition by id order by subscriber) = 1 then id else nextval('outbox_id_seq') end, id, subscriber, type, key, false, attempts, reason, retry_at, parked_at, replays, replayed_at, replay_id
    from outbox cross join lateral (select distinct unnest(subscribers) as subscriber) as each
    where id = any(${ids}::bigint[])
    on conflict do nothing`.execute(tx);
  await finish(tx, ids);
}

/**
 * What has lost its row, which somebody deleted by hand, goes; of a key without a first one, that comes to be it. What was never tried has no time
 * to wait for: after the clock of the database was set back, it would.
 */
async function repair<Schema>(tx: Kysely<Schema>): Promise<void> {
  await sql`delete from outbox_waiting where not exists (select from outbox where outbox.id = outbox_id)`.execute(tx);
  await sql`
    update outbox_waiting set is_first = true
    where not is_first and parked_at is null and not exists (
      select from outbox_waiting earlier
      where earlier.subscriber = outbox_waiting.subscriber and earlier.key = outbox_waiting.key
        and earlier.outbox_id < outbox_waiting.outbox_id and earlier.parked_at is null)`.execute(tx);
  await sql`
    update outbox_waiting set retry_at = now()
    where retry_at > now() and attempts = 0 and replays = 0 and parked_at is null`.execute(tx);
}
