import { createContext, currentContext, uuidv7 } from '@stoa/service';
import { type Kysely, sql } from 'kysely';
import type { TSchema } from 'typebox';
import { findFault } from './check.ts';
import type { EventContract, Outbox } from './types.ts';

interface NewRow {
  readonly id: string;
  readonly event: EventContract;
  readonly data: unknown;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly tracestate: string | undefined;
}

/** The outbox of the transaction `tx`. What is appended without waiting in between is written by one statement. */
export function createOutbox<Schema>(service: string, tx: Kysely<Schema>): Outbox {
  let gathering: { readonly rows: NewRow[]; readonly written: Promise<void> } | undefined;

  function gather(): NonNullable<typeof gathering> {
    const rows: NewRow[] = [];
    const written = Promise.resolve().then(() => {
      gathering = undefined;
      return insertRows(tx, rows);
    });
    return { rows, written };
  }

  return {
    async append<S extends TSchema>(event: EventContract<S>, data: unknown) {
      if (event.source !== service) throw new TypeError(`${event.name} is published by ${event.source}, not by ${service}`);
      const fault = findFault(event.schema, data);
      if (fault !== undefined) throw new TypeError(`data of ${event.name} does not fit its contract: ${fault}`);
      const { correlationId, traceparent, tracestate } = currentContext() ?? createContext();
      gathering ??= gather();
      gathering.rows.push({ id: uuidv7(), event, data, correlationId, traceparent, tracestate });
      await gathering.written;
    },
  };
}

/** The order of the rows becomes the order of their ids. */
async function insertRows<Schema>(tx: Kysely<Schema>, rows: readonly NewRow[]): Promise<void> {
  const values = rows.map(
    ({ id, event, data, correlationId, traceparent, tracestate }) =>
      sql`(${id}, ${event.name}, ${event.version}, ${event.key(data)}, ${event.subscribers}, ${correlationId}, ${traceparent}, ${tracestate ?? null}, ${JSON.stringify(data)})`,
  );
  await sql`
    insert into outbox (message_id, type, version, key, subscribers, correlation_id, traceparent, tracestate, data)
    values ${sql.join(values)}`.execute(tx);
}
