import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { holdWhileAppending } from './locks.ts';
import type { DomainEvent, EventMetadata, RecordedEvent } from './types.ts';
import type { Upcasting } from './upcasters.ts';

/** An event that is to be stored. */
export interface NewEvent {
  readonly type: string;
  readonly eventVersion: number;
  readonly json: string;
  readonly sealed: Buffer | null;
}

/** Up to so many events, and no more data than that, but one at least. */
export interface Limit {
  readonly events: number;
  readonly bytes: number;
}

export interface EventBatch<E extends DomainEvent> {
  readonly events: readonly RecordedEvent<E>[];
  /** There is more behind them. */
  readonly more: boolean;
}

interface Row {
  readonly stream: string;
  readonly version: number;
  readonly type: string;
  readonly event_version: number;
  readonly data: object;
  readonly sealed: Buffer | null;
  readonly metadata: EventMetadata;
  readonly recorded_at: Date;
  readonly position: number;
  readonly found: number;
}

const columns = sql`stream, version, type, event_version, data, sealed, metadata, recorded_at, position`;

/**
 * Stores `events` behind version `after` of the stream. The first of them decides: it waits for anyone who is about to store one of the same
 * version, and where that one stays, nothing is stored, and the transaction goes on.
 * @returns the positions in the order of `events`; none when the stream is not at `after`.
 */
export async function insertEvents<Tables>(
  tx: Transaction<Tables>,
  stream: string,
  after: number,
  events: readonly NewEvent[],
  metadata: string,
  recordedAt: Date,
): Promise<readonly number[]> {
  const column = (value: (event: NewEvent) => unknown): unknown[] => events.map(value);
  const stored = sql`${stream}, ${after}::integer + n, type, event_version, data, sealed, ${metadata}::json, ${recordedAt}::timestamptz`;
  const into = sql`events (stream, version, type, event_version, data, sealed, metadata, recorded_at)`;
  const { rows } = await sql<{ position: number }>`
    with ready as materialized (
      select ${holdWhileAppending}
      where ${after}::integer = 0 or exists (select from events where stream = ${stream} and version = ${after}::integer)
    ), added as materialized (
      select type, event_version, data, sealed, n::integer
      from unnest(
        ${column(({ type }) => type)}::text[], ${column(({ eventVersion }) => eventVersion)}::integer[],
        ${column(({ json }) => json)}::json[], ${column(({ sealed }) => sealed)}::bytea[]
      ) with ordinality as added (type, event_version, data, sealed, n)
    ), first as (
      insert into ${into} select ${stored} from ready cross join added where n = 1
      on conflict (stream, version) do nothing returning position
    ), others as (
      insert into ${into} select ${stored} from first cross join added where n > 1 order by n returning position
    )
    select position from first union all select position from others order by position`.execute(tx);
  return rows.map(({ position }) => position);
}

/** What is stored, with its data brought up to date. */
export function createEventRows<E extends DomainEvent>({ upcast }: Upcasting, limit: Limit) {
  async function select<Tables>(
    db: Kysely<Tables>,
    which: RawBuilder<unknown>,
    order: RawBuilder<unknown>,
    most: number,
  ): Promise<EventBatch<E>> {
    const { rows } = await sql<Row>`
      select ${columns}, found from (
        select *, count(*) over ()::integer as found, coalesce(sum(octet_length(data::text) + coalesce(octet_length(sealed), 0))
          over (order by ${order} rows between unbounded preceding and 1 preceding), 0) as bytes_before
        from (select ${columns} from events where ${which} order by ${order} limit ${most}) as next
      ) as measured where bytes_before < ${limit.bytes} order by ${order}`.execute(db);
    const found = rows[0]?.found ?? 0;
    return { events: rows.map(toEvent), more: rows.length < found || found === most };
  }

  function toEvent({ stream, version, type, event_version, data, sealed, metadata, recorded_at, position }: Row): RecordedEvent<E> {
    const current = upcast(type, event_version, data);
    return {
      type,
      eventVersion: event_version,
      data: current,
      stream,
      version,
      position,
      recordedAt: recorded_at,
      metadata,
      sealed,
    } as unknown as RecordedEvent<E>;
  }

  return {
    /** The next ones of a stream behind a version. */
    ofStream: <Tables>(db: Kysely<Tables>, stream: string, after: number, most = limit.events) =>
      select(db, sql`stream = ${stream} and version > ${after}`, sql`version`, Math.min(most, limit.events)),
    /** The next ones of all behind a position, up to another. */
    ofAll: <Tables>(db: Kysely<Tables>, after: number, upTo = Number.MAX_SAFE_INTEGER) =>
      select(db, sql`position > ${after} and position <= ${upTo}`, sql`position`, limit.events),
  };
}

export type EventRows<E extends DomainEvent> = ReturnType<typeof createEventRows<E>>;
