import { type Kysely, type RawBuilder, type Selectable, sql } from 'kysely';
import type { Tables } from './tables.generated.ts';
import type { Message } from './types.ts';

/** One row of the outbox as the relay needs it, that nobody has tried yet. */
export interface OutboxRow {
  readonly id: number;
  readonly subscribers: readonly string[];
  /** Those of them for which an earlier row of the key still waits. */
  readonly blocked: readonly string[];
  /** Too old to be sent. */
  readonly isLate: boolean;
  readonly message: Message;
}

/** How much is read at a time: of data one row at least, and one more than fits. */
export interface Limit {
  readonly rows: number;
  readonly bytes: number;
  /** Beyond this age a row is late. */
  readonly hours: number;
  /** Of one key. */
  readonly ofKey: number;
}

/** The result of one poll of the outbox. */
export interface Look {
  readonly rows: readonly OutboxRow[];
  /** Of each key of which rows were left behind, the first of these. */
  readonly left: ReadonlyMap<string, number>;
  /** The id up to which it read; undefined when nothing is behind it. */
  readonly upTo: number | undefined;
  /** There was more data than fits. */
  readonly isFull: boolean;
}

export type MessageColumns = Pick<
  Selectable<Tables['outbox']>,
  'message_id' | 'type' | 'version' | 'key' | 'occurred_at' | 'correlation_id' | 'traceparent' | 'tracestate' | 'data'
>;

interface Columns extends MessageColumns {
  readonly id: number;
  readonly subscribers: readonly string[];
  readonly blocked: readonly string[];
  readonly is_late: boolean;
}

type Looked = { readonly id: number; readonly key: string; readonly looked: number } & (
  | ({ readonly taken: true } & Columns)
  | { readonly taken: false }
);

export const messageColumns = sql`message_id, version, occurred_at, correlation_id, traceparent, tracestate, data`;

export const sentColumns = sql`
  id, message_id, type, version, key, subscribers, occurred_at, correlation_id, traceparent, tracestate, data`;

/** A row waits for its first try. */
const isFresh = sql`sent_at is null and parked_at is null and retry_at is null`;

/** As above, in the words of the index by key, which is for queries by the key alone (migration 0009). */
const isFreshOfKey = sql`${isFresh} and version > 0`;

/** What waits holds up later rows of its key, but for what is replayed and has not had its turn. */
export const holdsUp = sql`parked_at is null and (attempts > 0 or replays = 0 or retry_at <= now())`;

/** The subscribers of a row for which an earlier one of its key waits. */
const blocked = sql`array(
  select subscriber from unnest(subscribers) as subscriber
  where exists (
    select from outbox_waiting waiting
    where waiting.subscriber = subscriber.subscriber and waiting.key = measured.key and waiting.outbox_id < measured.id and ${holdsUp}))`;

/** How much data is before a row, in the order of ids. */
export const bytesBefore = (id: RawBuilder<unknown>) => sql`
  coalesce(sum(octet_length(data::text)) over (order by ${id} rows between unbounded preceding and 1 preceding), 0) as bytes_before`;

export const toMessage = (source: string, columns: MessageColumns): Message => ({
  id: columns.message_id,
  type: columns.type,
  version: columns.version,
  source,
  key: columns.key,
  occurredAt: columns.occurred_at.toISOString(),
  correlationId: columns.correlation_id,
  traceparent: columns.traceparent,
  ...(columns.tracestate === null ? {} : { tracestate: columns.tracestate }),
  data: columns.data,
});

/** The relay's statements on what was not tried yet. `Db` may be any database that has the messaging tables. */
export function createOutboxRows<Schema>(source: string, db: Kysely<Schema>, { bytes, hours, ofKey }: Omit<Limit, 'rows'>) {
  const toRow = (columns: Columns): OutboxRow => ({
    id: columns.id,
    subscribers: [...new Set(columns.subscribers)],
    blocked: columns.blocked,
    isLate: columns.is_late,
    message: toMessage(source, columns),
  });
  const shown = sql`
    select *, occurred_at < now() - ${hours} * interval '1 h' as is_late, ${blocked} as blocked`;

  return {
    /** The next rows behind `after`, oldest first: of each key a few, and none of those that are `crowded`. */
    async next(after: number, most: number, crowded: readonly string[], inHand: readonly number[]): Promise<Look> {
      const { rows } = await sql<Looked>`
        with next as (
          select id, key from outbox where id > ${after} and ${isFresh} and id <> all(${inHand}::bigint[]) order by id limit ${most}
        ), counted as (
          select id, key, key <> all(${crowded}::text[]) and row_number() over (partition by key order by id) <= ${ofKey} as taken from next
        )
        ${shown} from (
          select counted.id, counted.key, taken, type, subscribers, ${messageColumns}, ${bytesBefore(sql`counted.id`)}, count(*) over ()::int as looked
          from counted left join outbox on taken and outbox.id = counted.id) as measured
        where bytes_before < ${bytes} order by id`.execute(db);
      const left = new Map<string, number>();
      for (const { key, id, taken } of rows) if (!taken && !left.has(key)) left.set(key, id);
      const looked = rows[0]?.looked ?? 0;
      return {
        rows: rows.flatMap((row) => (row.taken ? [toRow(row)] : [])),
        left,
        upTo: looked < most && rows.length === looked ? undefined : rows.at(-1)?.id,
        isFull: rows.length < looked,
      };
    },

    /** The next rows of keys with many, each behind the id it is given with. */
    async ofKeys(keys: ReadonlyMap<string, number>, inHand: readonly number[]): Promise<Pick<Look, 'rows' | 'isFull'>> {
      const { rows } = await sql<Columns & { looked: number }>`
        with next as (
          select next.id from unnest(${[...keys.keys()]}::text[], ${[...keys.values()]}::bigint[]) as crowded (key, after)
          cross join lateral (
            select id from outbox where outbox.key = crowded.key and id > after and ${isFreshOfKey} and id <> all(${inHand}::bigint[])
            order by id limit ${ofKey}) as next
        )
        ${shown} from (
          select id, key, type, subscribers, ${messageColumns}, ${bytesBefore(sql`id`)}, count(*) over ()::int as looked
          from next join outbox using (id)) as measured
        where bytes_before < ${bytes} order by id`.execute(db);
      return { rows: rows.map(toRow), isFull: rows.length < (rows[0]?.looked ?? 0) };
    },

    /**
     * Moves rows that all subscribers have to `outbox_sent`, without waiting for the disk: what a crash of the server brings back is sent
     * once more, and its subscribers know it.
     */
    async moveSent(ids: readonly number[]): Promise<void> {
      if (ids.length > 0) await moveSent(db, sql`id = any(${ids}::bigint[])`, sql`set_config('synchronous_commit', 'off', true), gone`);
    },
  };
}

/** Commits as the transaction does of which it is a part. @returns how many rows it moved. */
export async function moveSent<Schema>(db: Kysely<Schema>, which: RawBuilder<unknown>, from = sql`gone`): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    with gone as (delete from outbox where ${which} returning ${sentColumns})
    insert into outbox_sent (${sentColumns}, sent_at) select ${sentColumns}, now() from ${from}`.execute(db);
  return Number(numAffectedRows);
}
