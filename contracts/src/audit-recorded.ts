import { type Static, Type } from 'typebox';
import { ANY_SERVICE, defineEvent } from './event.ts';

const Value = Type.Union([Type.String({ maxLength: 500 }), Type.Number(), Type.Boolean(), Type.Null()]);

/** What somebody did, as the audit log keeps it. */
const AuditRecorded = Type.Object(
  {
    action: Type.String({ pattern: '^[a-z][a-z0-9-]{1,62}[a-z0-9]$', description: 'What was done, in the past tense: `post-hidden`.' }),
    actor: Type.String({
      minLength: 1,
      maxLength: 100,
      description: 'Who did it: `user:<id>`, `service-account:<id>`, `service:<name>`, …',
    }),
    subject: Type.Union([Type.String({ maxLength: 100 }), Type.Null()], { description: 'The id of what it was done to.' }),
    clientIp: Type.Union([Type.String({ maxLength: 100 }), Type.Null()], {
      description: 'Where the request came from; an IPv6 address by its /64. Null for work in the background.',
    }),
    details: Type.Record(Type.String({ maxLength: 64 }), Value, {
      description: 'Further details: ids and names of the system’s own objects, never personal data or secrets.',
    }),
    at: Type.String({ format: 'date-time' }),
  },
  { additionalProperties: false },
);

export type AuditRecorded = Static<typeof AuditRecorded>;

/**
 * An entry for the audit log, which users keeps for the whole system; the service that acted publishes it. The correlation id is
 * that of the message.
 */
export const auditRecorded = defineEvent({
  name: 'audit-recorded',
  version: 1,
  source: ANY_SERVICE,
  description: 'Somebody did something that the audit log of the system must record.',
  schema: AuditRecorded,
  example: {
    action: 'post-hidden',
    actor: 'user:0199d3a0-0000-7000-8000-000000000001',
    subject: '0199d3a0-0000-7000-8000-00000000a001',
    clientIp: '192.0.2.1',
    details: { authorId: '0199d3a0-0000-7000-8000-000000000002' },
    at: '2026-11-21T09:00:00.000Z',
  },
  key: (data) => data.subject ?? data.actor,
});
