import { job } from '@stoa/messaging';
import type { Transaction } from 'kysely';
import type { UsersTx } from '../application/ports.ts';
import { createTellProfiles } from '../application/tell-profiles.ts';
import { tellProfilesJob } from '../infrastructure/pg-public-profiles.ts';
import type { UsersSchema } from '../infrastructure/tables.ts';
import { onPostModerated } from '../presentation/consumers/on-post-moderated.ts';
import { onUserProfilesRequested } from '../presentation/consumers/on-user-profiles-requested.ts';

export interface TellingOptions {
  usersTx(tx: Transaction<UsersSchema>): UsersTx;
  /** How many profiles an event has, at most. */
  readonly part?: number;
}

/** What other services ask of this one and tell it by events, and the job behind it. */
export function createTelling({ usersTx, part }: TellingOptions) {
  const tellProfiles = createTellProfiles({ part });
  const tellPart = job<UsersSchema, (typeof tellProfilesJob)['data']>({
    ...tellProfilesJob,
    handle: (tx, { after }) => tellProfiles.tellPart(usersTx(tx), after),
  });
  return { consumers: [onUserProfilesRequested(usersTx, tellProfiles), onPostModerated(usersTx)], jobs: [tellPart] };
}
