import { createHash } from 'node:crypto';
import { findFault } from '@stoa/service';
import { Type } from 'typebox';
import { jsonText } from './json-text.ts';
import type { Message } from './types.ts';

/** NUL is the one character that a Postgres text cannot hold. */
const Text = Type.String({ maxLength: 500, pattern: '^[^\\u0000]*$' });

/** The years and offsets that both RFC 3339 and a Postgres timestamptz know: it has no year 0 and no offset of 16 hours or more. */
const Time = Type.String({
  format: 'date-time',
  pattern: '^[1-9]\\d{3}-\\d\\d-\\d\\d[Tt]\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?([Zz]|[+-](0\\d|1[0-5]):\\d\\d)$',
});

const Envelope = Type.Object({
  id: Type.String({ format: 'uuid' }),
  type: Text,
  version: Type.Integer({ minimum: 1, maximum: 32_767 }),
  source: Text,
  key: Text,
  occurredAt: Time,
  correlationId: Text,
  traceparent: Text,
  tracestate: Type.Optional(Type.String({ maxLength: 512, pattern: '^[^\\u0000]*$' })),
  data: Type.Unknown(),
});

/** Reads what came over the bus. What is no message becomes one of an unknown type, with the fault, so that it can be kept and looked at. */
export function readEnvelope(received: unknown): { readonly message: Message; readonly fault?: string } {
  const fault = findFault(Envelope, received);
  if (fault === undefined) return { message: received as Message };
  return { fault: `not a message: ${fault}`, message: toUnreadable(contentId(received), received ?? null) };
}

/** A message to keep `data` in that has nothing else from outside, so that nothing else can be at fault with it. */
export const toUnreadable = (id: string, data: unknown): Message => ({
  ...{ id, type: 'unreadable', version: 1, source: 'unknown', key: '', occurredAt: new Date().toISOString() },
  ...{ correlationId: '', traceparent: '', data },
});

/** The same content has the same id (UUID version 8, RFC 9562 §5.8), so that its redelivery is recognised. */
function contentId(received: unknown): string {
  const bytes = createHash('sha256').update(jsonText(received)).digest().subarray(0, 16);
  bytes[6] = 0x80 | ((bytes[6] as number) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
