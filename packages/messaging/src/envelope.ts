import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { findFault } from './check.ts';
import type { Message } from './types.ts';

/** NUL is the one character that a Postgres text cannot hold. */
const Text = Type.String({ maxLength: 500, pattern: '^[^\\u0000]*$' });

const Envelope = Type.Object({
  id: Type.String({ format: 'uuid' }),
  type: Text,
  version: Type.Integer({ minimum: 1, maximum: 32_767 }),
  source: Text,
  key: Text,
  occurredAt: Type.String({ format: 'date-time' }),
  correlationId: Text,
  traceparent: Text,
  tracestate: Type.Optional(Type.String({ maxLength: 512, pattern: '^[^\\u0000]*$' })),
  data: Type.Unknown(),
});

/** Reads what came over the bus. What is no message becomes one of an unknown type, with the fault, so that it can be kept and looked at. */
export function readEnvelope(received: unknown): { readonly message: Message; readonly fault?: string } {
  const fault = findFault(Envelope, received);
  if (fault === undefined) return { message: received as Message };
  return {
    fault: `not a message: ${fault}`,
    message: {
      id: contentId(received),
      type: 'unreadable',
      version: 1,
      source: 'unknown',
      key: '',
      occurredAt: new Date().toISOString(),
      correlationId: '',
      traceparent: '',
      data: received,
    },
  };
}

/** The same content has the same id (UUID version 8, RFC 9562 §5.8), so that its redelivery is recognised. */
function contentId(received: unknown): string {
  const bytes = createHash('sha256')
    .update(JSON.stringify(received) ?? '')
    .digest()
    .subarray(0, 16);
  bytes[6] = 0x80 | ((bytes[6] as number) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
