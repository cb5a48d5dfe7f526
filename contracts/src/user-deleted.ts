import { type Static, Type } from 'typebox';
import { defineEvent } from './event.ts';

/** An account was deleted; a service that keeps something of it removes it. */
export const userDeleted = defineEvent({
  name: 'user-deleted',
  version: 1,
  source: 'users',
  description: 'An account was deleted, by its person or by an administrator.',
  schema: Type.Object(
    { userId: Type.String({ format: 'uuid' }), deletedAt: Type.String({ format: 'date-time' }) },
    { additionalProperties: false },
  ),
  example: { userId: '0199d3a0-0000-7000-8000-000000000002', deletedAt: '2026-11-21T09:00:00.000Z' },
  key: (data) => data.userId,
});

export type UserDeleted = Static<typeof userDeleted.schema>;
