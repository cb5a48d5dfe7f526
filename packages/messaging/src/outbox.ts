import { createContext, currentContext, uuidv7 } from '@stoa/service';
import { type Kysely, sql } from 'kysely';
import { findFault } from './check.ts';
import type { Outbox } from './types.ts';

/** The outbox of the transaction `tx`. */
export function createOutbox<Schema>(service: string, tx: Kysely<Schema>): Outbox {
  return {
    async append(event, data) {
      if (event.source !== service) throw new TypeError(`${event.name} is published by ${event.source}, not by ${service}`);
      const fault = findFault(event.schema, data);
      if (fault !== undefined) throw new TypeError(`data of ${event.name} does not fit its contract: ${fault}`);
      const { correlationId, traceparent } = currentContext() ?? createContext();
      await sql`
        insert into outbox (message_id, type, version, key, subscribers, correlation_id, traceparent, data)
        values (${uuidv7()}, ${event.name}, ${event.version}, ${event.key(data)}, ${event.subscribers}, ${correlationId}, ${traceparent},
          ${JSON.stringify(data)})
      `.execute(tx);
    },
  };
}
