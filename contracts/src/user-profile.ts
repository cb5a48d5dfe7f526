import { type Static, Type } from 'typebox';
import { defineEvent } from './event.ts';

/** What others may show of a person. */
export const UserProfile = Type.Object(
  {
    userId: Type.String({ format: 'uuid' }),
    name: Type.Union([Type.String(), Type.Null()], { description: 'What the person is called in public: the full name, else the login.' }),
    version: Type.Integer({
      minimum: 1,
      description: 'When two profiles of a person arrive, the one with the higher version counts, in whichever order they come.',
    }),
  },
  { additionalProperties: false },
);

export type UserProfile = Static<typeof UserProfile>;

const example: UserProfile = { userId: '0199d3a0-0000-7000-8000-000000000002', name: 'Ada Lovelace', version: 3 };

/** A person has a public name from now on, or another one. Not of accounts that were never activated. */
export const userProfileChanged = defineEvent({
  name: 'user-profile-changed',
  version: 1,
  source: 'users',
  description: 'An account became active, or the public name of an active one changed.',
  schema: UserProfile,
  example,
  key: (data) => data.userId,
});

const Snapshot = Type.Object({ profiles: Type.Array(UserProfile, { minItems: 1, maxItems: 1_000 }) }, { additionalProperties: false });

/** Some of the profiles that a service asked for. They may overlap with changes and deletions: the version shows what is newer. */
export const userProfilesSnapshot = defineEvent({
  name: 'user-profiles-snapshot',
  version: 1,
  source: 'users',
  description: 'Profiles that a service asked for, a page of them in each event.',
  schema: Snapshot,
  example: { profiles: [example] },
  key: (data) => data.profiles[0]?.userId ?? '',
});

/** The same under the name that it had before: no longer published, and handled as long as one may be in transit, which is 30 days. */
export const userProfilesTold = defineEvent({
  name: 'user-profiles-told',
  version: 1,
  source: 'users',
  description: 'The former name of `user-profiles-snapshot`: no longer published, still handled.',
  schema: Snapshot,
  example: { profiles: [example] },
  key: (data) => data.profiles[0]?.userId ?? '',
});
