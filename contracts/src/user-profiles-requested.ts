import { Type } from 'typebox';
import { defineEvent } from './event.ts';

/** A service that shows names requests all of them, because it is new or to be sure that none is missing. */
export const userProfilesRequested = defineEvent({
  name: 'user-profiles-requested',
  version: 1,
  source: 'posts',
  description: 'A service requests the profiles of all persons, including those who registered before the service existed.',
  schema: Type.Object({ requestId: Type.String({ format: 'uuid' }) }, { additionalProperties: false }),
  example: { requestId: '0199d3a0-0000-7000-8000-000000000005' },
  key: (data) => data.requestId,
});
