import { type Static, Type } from 'typebox';
import { defineEvent } from './event.ts';

const Nullable = Type.Union([Type.String(), Type.Null()]);

/** A person is to get a notice of something that happened to the account; it has no link. */
export const accountNoticeRequested = defineEvent({
  name: 'account-notice-requested',
  version: 1,
  source: 'users',
  description: 'Something happened to an account that its person should know: a new address was requested or set, a new device logged in.',
  schema: Type.Object(
    {
      userId: Type.String({ format: 'uuid' }),
      email: Type.String(),
      fullName: Nullable,
      notice: Type.Union([Type.Literal('email-change-requested'), Type.Literal('email-changed'), Type.Literal('new-device')]),
      occurredAt: Type.String({ format: 'date-time' }),
      /** Of the notices on addresses. */
      newEmail: Nullable,
      /** Of `new-device`: network address, and what the client called itself. */
      address: Nullable,
      device: Nullable,
    },
    { additionalProperties: false },
  ),
  example: {
    userId: '0199d3a0-0000-7000-8000-000000000002',
    email: 'ada@example.com',
    fullName: 'Ada Lovelace',
    notice: 'new-device',
    occurredAt: '2026-11-21T09:00:00.000Z',
    newEmail: null,
    address: '203.0.113.7',
    device: 'Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0',
  },
  key: (data) => data.userId,
});

export type AccountNoticeRequested = Static<typeof accountNoticeRequested.schema>;
