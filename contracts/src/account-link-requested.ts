import { type Static, Type } from 'typebox';
import { defineEvent } from './event.ts';

/**
 * A person is to get a mail with a link. It carries no token: that is requested when the mail leaves, with `requestId`.
 */
export const accountLinkRequested = defineEvent({
  name: 'account-link-requested',
  version: 1,
  source: 'users',
  description: 'Somebody needs a link by mail: to set a first password, to reset it, or to confirm a new address.',
  schema: Type.Object(
    {
      requestId: Type.String({ format: 'uuid' }),
      userId: Type.String({ format: 'uuid' }),
      /** Where the mail goes: the new address when that is to be confirmed. */
      email: Type.String(),
      fullName: Type.Union([Type.String(), Type.Null()]),
      purpose: Type.Union([Type.Literal('set-password'), Type.Literal('reset-password'), Type.Literal('confirm-email')]),
      requestedAt: Type.String({ format: 'date-time' }),
    },
    { additionalProperties: false },
  ),
  example: {
    requestId: '0199d3a0-0000-7000-8000-000000000003',
    userId: '0199d3a0-0000-7000-8000-000000000002',
    email: 'ada@example.com',
    fullName: 'Ada Lovelace',
    purpose: 'reset-password',
    requestedAt: '2026-11-21T09:00:00.000Z',
  },
  key: (data) => data.userId,
});

export type AccountLinkRequested = Static<typeof accountLinkRequested.schema>;
