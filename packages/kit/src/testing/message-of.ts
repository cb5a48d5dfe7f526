import type { EventContract, Message } from '@stoa/messaging';
import { createContext } from '@stoa/service';
import type { Static, TSchema } from 'typebox';

/** An event as it travels on the bus, with a correlation id and a trace of its own. */
export function messageOf<S extends TSchema>(event: EventContract<S>, data: Static<S>, id: string, occurredAt: Date): Message {
  const { name: type, version, source } = event;
  const { correlationId, traceparent } = createContext();
  return { id, type, version, source, key: event.key(data), occurredAt: occurredAt.toISOString(), correlationId, traceparent, data };
}
