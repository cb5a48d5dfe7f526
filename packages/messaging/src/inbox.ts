import type { Database } from '@stoa/postgres';
import type { Logger } from '@stoa/service';
import { type Kysely, sql } from 'kysely';
import type { Accept } from './broker.ts';
import { readEnvelope, toUnreadable } from './envelope.ts';
import { jsonText } from './json-text.ts';
import { consumersOf, readTaken, type Taken } from './live-copies.ts';
import type { Consumer, Message } from './types.ts';
import { UNROUTED } from './unrouted.ts';
import { findVersion, versionsOfConsumer } from './versions.ts';

/** Notified, with the consumer's name, when it got something. */
export const INBOX_CHANNEL = 'inbox';

/** How much is kept of what the database does not take: twice what the bus is given, and all that a statement can carry in any case. */
const MOST_RESCUED = 16 * 1024 * 1024;

/** A message as one consumer is to get it. With a reason it is dead from the start. */
interface NewRow {
  readonly consumer: string;
  readonly message: Message;
  readonly reason?: string;
}

export interface Inbox<Schema> {
  readonly accept: Accept;
  /** The rows of messages: one for each consumer of a message. */
  route(db: Kysely<Schema>, received: readonly unknown[]): Promise<NewRow[]>;
  insert(db: Kysely<Schema>, rows: readonly NewRow[]): Promise<void>;
}

/** @param elsewhere consumers of other live copies that take a message, from memory: one that a newer copy adds is to miss nothing. */
export function createInbox<Schema>(
  database: Database<Schema>,
  consumers: readonly Consumer<Schema>[],
  log: Logger,
  elsewhere: (message: Message) => ReadonlySet<string> = () => new Set(),
): Inbox<Schema> {
  const db = database.query;
  const byType = Map.groupBy(consumers, ({ event }) => event.name);

  /** For the consumers here and those of other live copies. @returns undefined for a type or version that no consumer takes here. */
  function routeHere(message: Message): NewRow[] | undefined {
    const here = (byType.get(message.type) ?? []).filter((consumer) => findVersion(versionsOfConsumer(consumer), message) !== undefined);
    if (here.length === 0) return undefined;
    return [...new Set(here.map(({ name }) => name)).union(elsewhere(message))].map((consumer) => ({ consumer, message }));
  }

  /**
   * Where a message waits that no consumer takes here: with those of another live copy that do, or with the consumers of its type, so that it
   * keeps its place among the others of its key until one is there.
   */
  function routeElsewhere(message: Message, taken: readonly Taken[]): NewRow[] {
    const there = consumersOf(taken, message);
    const here = (byType.get(message.type) ?? []).map(({ name }) => name);
    const names = there.size > 0 ? [...there] : here;
    return (names.length > 0 ? names : [UNROUTED]).map((consumer) => ({ consumer, message }));
  }

  async function route(tx: Kysely<Schema>, received: readonly unknown[]): Promise<NewRow[]> {
    let taken: readonly Taken[] | undefined;
    const rows: NewRow[] = [];
    for (const item of received) {
      const { message, fault } = readEnvelope(item);
      if (fault !== undefined) {
        rows.push({ consumer: UNROUTED, message, reason: fault });
        continue;
      }
      const here = routeHere(message);
      if (here === undefined) taken ??= await readTaken(tx);
      rows.push(...(here ?? routeElsewhere(message, taken ?? [])));
    }
    return rows;
  }

  /** One row that Postgres does not take must neither keep the others out nor be lost. */
  async function insertOneByOne(rows: readonly NewRow[]): Promise<void> {
    for (const row of rows) {
      try {
        await insertRows(db, [row]);
      } catch (error) {
        if (!isCausedByRow(error)) throw error;
        const rescued = rescue(row, error);
        log.error(
          { messageId: row.message.id, consumer: row.consumer, reason: rescued.reason },
          'message is dead: it cannot be stored as it is',
        );
        await insertRows(db, [rescued]);
      }
    }
  }

  return {
    route,
    insert: insertRows,
    async accept(received) {
      const rows = await route(db, received);
      for (const { consumer, message, reason } of rows) {
        if (reason !== undefined)
          log.error({ consumer, messageId: message.id, type: message.type, reason }, 'message is dead: it cannot be handled');
      }
      try {
        await insertRows(db, rows);
      } catch (error) {
        if (!isCausedByRow(error)) throw error;
        await insertOneByOne(rows);
      }
      for (const consumer of new Set(rows.map((row) => row.consumer))) database.notify(INBOX_CHANNEL, consumer);
    },
  };
}

/**
 * `true` when a repeat would fail the same way: SQLSTATE classes 22 (data), 23 (constraint) and 54 (limit). After every other error,
 * a time-out or a deadlock say, the message is to come again.
 */
const isCausedByRow = (error: unknown): error is Error =>
  error instanceof RangeError ||
  (error instanceof Error && 'code' in error && typeof error.code === 'string' && /^(22|23|54)...$/.test(error.code));

/** Keeps the whole message as text. Only its id, which is known to be a UUID, stays where it was: a redelivery is then recognised. */
function rescue({ message }: NewRow, error: Error): NewRow {
  const text = jsonText(message).slice(0, MOST_RESCUED);
  return { consumer: UNROUTED, message: toUnreadable(message.id, text), reason: `the database does not take it: ${error.message}` };
}

/** One statement; a message that a consumer was given before is left out, whatever became of it. The order of the rows becomes the order of their ids. */
async function insertRows<Schema>(db: Kysely<Schema>, rows: readonly NewRow[]): Promise<void> {
  if (rows.length === 0) return;
  const column = (value: (row: NewRow) => unknown): unknown[] => rows.map(value);
  await sql`
    with given as (
      select * from unnest(
        ${column(({ consumer }) => consumer)}::text[], ${column(({ message }) => message.id)}::uuid[], ${column(({ message }) => message.type)}::text[],
        ${column(({ message }) => message.version)}::integer[], ${column(({ message }) => message.source)}::text[],
        ${column(({ message }) => message.key)}::text[], ${column(({ message }) => message.occurredAt)}::timestamptz[],
        ${column(({ message }) => message.correlationId)}::text[], ${column(({ message }) => message.traceparent)}::text[],
        ${column(({ message }) => message.tracestate ?? null)}::text[], ${column(({ message }) => JSON.stringify(message.data))}::json[],
        ${column(({ reason }) => reason ?? null)}::text[]
      ) with ordinality as r (
        consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, tracestate, data, reason, position
      )
    ), unknown as (
      insert into inbox_seen (slot, message_id, consumer)
      select inbox_slot(message_id), message_id, consumer from given order by message_id, consumer
      on conflict do nothing returning message_id, consumer
    )
    insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, tracestate, data, status, reason, failed_at, registered)
    select consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, tracestate, data,
      case when reason is null then 'pending' else 'dead' end, reason, case when reason is not null then now() end, true
    from given join unknown using (consumer, message_id)
    order by position
    on conflict (consumer, message_id) do nothing`.execute(db);
}
