import { type Static, Type } from 'typebox';
import { defineEvent } from './event.ts';

export const activationRequested = defineEvent({
  name: 'activation-requested',
  version: 1,
  source: 'users',
  description:
    'A person registered, or asked for a new code. The sender of the mail asks users for the code, by `requestId`, at the moment the mail leaves.',
  schema: Type.Object(
    {
      requestId: Type.String({ format: 'uuid' }),
      userId: Type.String({ format: 'uuid' }),
      email: Type.String({ maxLength: 254 }),
      fullName: Type.Union([Type.String({ maxLength: 200 }), Type.Null()]),
      reason: Type.Union([Type.Literal('registration'), Type.Literal('resend')]),
      requestedAt: Type.String({ format: 'date-time' }),
    },
    { additionalProperties: false },
  ),
  example: {
    requestId: '0199d3a0-0000-7000-8000-000000000001',
    userId: '0199d3a0-0000-7000-8000-000000000002',
    email: 'ada@example.com',
    fullName: 'Ada Lovelace',
    reason: 'registration',
    requestedAt: '2026-11-21T09:00:00.000Z',
  },
  key: (data) => data.userId,
});

export type ActivationRequested = Static<typeof activationRequested.schema>;
