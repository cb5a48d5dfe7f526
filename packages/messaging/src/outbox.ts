import type { Database } from '@stoa/postgres';
import { createContext, currentContext, findFault, uuidv7 } from '@stoa/service';
import { sql, type Transaction } from 'kysely';
import type { Static, TSchema } from 'typebox';
import type { EventContract, Outbox } from './types.ts';

/** A thousand times what an event needs, and little enough for a batch of them to be held in memory. Larger data stay with their owner. */
const MOST_BYTES = 1024 * 1024;

/** The source, in a contract, of an event that whichever service publishes. */
const ANY_SERVICE = 'any-service';

/** Notified when something was appended. */
export const OUTBOX_CHANNEL = 'outbox';
/** The payload when dead letters are to be tried again: what waits is to be read again. */
export const REPLAYED = 'replayed';

interface NewRow {
  readonly id: string;
  readonly event: EventContract;
  readonly key: string;
  readonly json: string;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly tracestate: string | undefined;
}

/** The outbox of `tx`, a transaction of `database`. What is appended without waiting in between is written by one statement. */
export function createOutbox<Schema>(service: string, database: Database<Schema>, tx: Transaction<Schema>): Outbox {
  let gathering: { readonly rows: NewRow[]; readonly written: Promise<void> } | undefined;

  function gather(): NonNullable<typeof gathering> {
    const rows: NewRow[] = [];
    const written = Promise.resolve().then(async () => {
      gathering = undefined;
      await insertRows(tx, rows);
      database.afterCommit(tx, () => database.notify(OUTBOX_CHANNEL));
    });
    return { rows, written };
  }

  async function append<S extends TSchema>(event: EventContract<S>, data: Static<S>): Promise<void> {
    if (event.source !== service && event.source !== ANY_SERVICE)
      throw new TypeError(`${event.name} is published by ${event.source}, not by ${service}`);
    const fault = findFault(event.schema, data);
    if (fault !== undefined) throw new TypeError(`data of ${event.name} does not fit its contract: ${fault}`);
    const json = JSON.stringify(data);
    const bytes = Buffer.byteLength(json);
    if (bytes > MOST_BYTES) throw new RangeError(`data of ${event.name} has ${bytes} bytes, and an event may have ${MOST_BYTES}`);
    const { correlationId, traceparent, tracestate } = currentContext() ?? createContext();
    gathering ??= gather();
    gathering.rows.push({ id: uuidv7(), event, key: event.key(data), json, correlationId, traceparent, tracestate });
    await gathering.written;
  }

  return {
    /** State and event commit together: without its event the transaction does not, even if the failure is ignored. */
    append(event, data) {
      const appended = append(event, data);
      appended.catch((error: Error) => database.forbidCommit(tx, error));
      return appended;
    },
  };
}

/** The order of the rows becomes the order of their ids. */
async function insertRows<Schema>(tx: Transaction<Schema>, rows: readonly NewRow[]): Promise<void> {
  const column = (value: (row: NewRow) => unknown): unknown[] => rows.map(value);
  await sql`
    insert into outbox (message_id, type, version, key, subscribers, correlation_id, traceparent, tracestate, data)
    select message_id, type, version, key, subscribers::text[], correlation_id, traceparent, tracestate, data
    from unnest(
      ${column(({ id }) => id)}::uuid[], ${column(({ event }) => event.name)}::text[], ${column(({ event }) => event.version)}::integer[],
      ${column(({ key }) => key)}::text[], ${column(({ event }) => `{${event.subscribers.map((name) => JSON.stringify(name)).join()}}`)}::text[],
      ${column(({ correlationId }) => correlationId)}::text[], ${column(({ traceparent }) => traceparent)}::text[],
      ${column(({ tracestate }) => tracestate ?? null)}::text[], ${column(({ json }) => json)}::json[]
    ) with ordinality as r (message_id, type, version, key, subscribers, correlation_id, traceparent, tracestate, data, position)
    order by position`.execute(tx);
}
