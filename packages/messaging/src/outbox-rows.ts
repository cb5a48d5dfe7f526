import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Message } from './types.ts';

/** One row of the outbox as the relay needs it. */
export interface OutboxRow {
  readonly id: number;
  readonly attempts: number;
  readonly subscribers: readonly string[];
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
}

interface Columns extends Omit<OutboxRow, 'message' | 'isLate'> {
  readonly is_late: boolean;
  readonly message_id: string;
  readonly type: string;
  readonly version: number;
  readonly key: string;
  readonly occurred_at: Date;
  readonly correlation_id: string;
  readonly traceparent: string;
  readonly tracestate: string | null;
  readonly data: unknown;
}

const columns = sql`id, attempts, subscribers, message_id, type, version, key, occurred_at, correlation_id, traceparent, tracestate, data`;

/** An earlier row of the same key that is still to be sent holds this one up; a parked one does not, nor one that waits for its turn in a replay. */
const firstOfKey = sql`not exists (
  select from outbox earlier
  where earlier.key = outbox.key and earlier.id < outbox.id
    and earlier.sent_at is null and earlier.parked_at is null and earlier.retry_at is not null
    and (earlier.attempts > 0 or earlier.replays = 0 or earlier.retry_at <= now()))`;

/** Those of `rows`, in the order of their ids, that have `bytes` before them at most. */
const within = ({ bytes, hours }: Limit, rows: RawBuilder<unknown>) => sql<Columns>`
  select ${columns}, occurred_at < now() - ${hours} * interval '1 h' as is_late from (
    select *, coalesce(sum(octet_length(data::text)) over (order by id rows between unbounded preceding and 1 preceding), 0) as bytes_before
    from (${rows}) as rows) as counted
  where bytes_before < ${bytes} order by id`;

/** The name of a row's route, as `nameOfRoute` makes it. */
const route = sql`type || ' to ' || array_to_string(subscribers, ', ')`;

/** The statements of the relay. `Db` may be any database that has the messaging tables. */
export function createOutboxRows<Schema>(source: string, db: Kysely<Schema>) {
  const toRow = ({ id, attempts, subscribers, is_late, message_id, occurred_at, correlation_id, ...rest }: Columns): OutboxRow => ({
    id,
    attempts,
    subscribers,
    isLate: is_late,
    message: {
      id: message_id,
      type: rest.type,
      version: rest.version,
      source,
      key: rest.key,
      occurredAt: occurred_at.toISOString(),
      correlationId: correlation_id,
      traceparent: rest.traceparent,
      ...(rest.tracestate === null ? {} : { tracestate: rest.tracestate }),
      data: rest.data,
    },
  });

  return {
    /** Rows that were not tried yet and that nobody has in hand, oldest first. */
    async fresh(limit: Limit, inHand: readonly number[]): Promise<OutboxRow[]> {
      const next = sql`
        select ${columns} from outbox
        where sent_at is null and parked_at is null and retry_at is null and id <> all(${inHand}::bigint[]) and ${firstOfKey}
        order by id limit ${limit.rows}`;
      const { rows } = await within(limit, next).execute(db);
      return rows.map(toRow);
    },

    /** Rows whose next try is due, at most one of each key, without those of routes that wait for a subscriber. */
    async due(limit: Limit, waitingRoutes: readonly string[], inHand: readonly number[]): Promise<OutboxRow[]> {
      const next = sql`
        select ${columns} from outbox
        where sent_at is null and parked_at is null and retry_at <= now() and ${route} <> all(${waitingRoutes}::text[])
          and id <> all(${inHand}::bigint[]) and ${firstOfKey}
        order by id limit ${limit.rows}`;
      const { rows } = await within(limit, next).execute(db);
      return rows.map(toRow);
    },

    async markSent(ids: readonly number[]): Promise<void> {
      if (ids.length > 0) await sql`update outbox set sent_at = now(), reason = null where id = any(${ids}::bigint[])`.execute(db);
    },

    /** Sets rows aside that nobody takes yet; not counted. */
    async setAside(ids: readonly number[]): Promise<void> {
      if (ids.length > 0)
        await sql`update outbox set retry_at = now() where id = any(${ids}::bigint[]) and retry_at is null and sent_at is null`.execute(db);
    },

    /** Gives rows up. */
    async park(ids: readonly number[], reason: string): Promise<void> {
      if (ids.length === 0) return;
      await sql`
        update outbox set parked_at = now(), reason = ${reason}
        where id = any(${ids}::bigint[]) and sent_at is null and parked_at is null`.execute(db);
    },

    /** Counts a refusal; at the last one the row is parked. */
    async countRefusal(id: number, reason: string, waitMs: number, last: boolean): Promise<void> {
      await sql`
        update outbox set attempts = attempts + 1, reason = ${reason}, retry_at = now() + ${waitMs} * interval '1 ms',
          parked_at = case when ${last} then now() end
        where id = ${id} and sent_at is null and parked_at is null`.execute(db);
    },

    /** Milliseconds until the next row that waits is due, if any does. */
    async nextDueMs(waitingRoutes: readonly string[]): Promise<number | undefined> {
      const { rows } = await sql<{ ms: number | null }>`
        select extract(epoch from min(retry_at) - now())::float8 * 1000 as ms from outbox
        where sent_at is null and parked_at is null and retry_at is not null and ${route} <> all(${waitingRoutes}::text[])
          and ${firstOfKey}`.execute(db);
      return rows[0]?.ms ?? undefined;
    },
  };
}
