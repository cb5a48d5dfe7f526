import { Type } from 'typebox';
import { defineEvent } from './event.ts';

/** A service that shows names wants to hear all of them, as it is new or wants to be sure. */
export const userProfilesRequested = defineEvent({
  name: 'user-profiles-requested',
  version: 1,
  source: 'posts',
  description: 'The profiles of all persons are to be told, those among them who were there before the service that asks.',
  schema: Type.Object({ requestId: Type.String({ format: 'uuid' }) }, { additionalProperties: false }),
  example: { requestId: '0199d3a0-0000-7000-8000-000000000005' },
  key: (data) => data.requestId,
});
