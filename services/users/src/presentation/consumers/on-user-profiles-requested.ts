import { userProfilesRequested } from '@stoa/contracts';
import { consumer } from '@stoa/messaging';
import type { Transaction } from 'kysely';
import type { UsersTx } from '../../application/ports.ts';
import type { TellProfiles } from '../../application/tell-profiles.ts';

/** Whoever shows names may ask for all of them. */
export const onUserProfilesRequested = <Schema>(usersTx: (tx: Transaction<Schema>) => UsersTx, { begin }: TellProfiles) =>
  consumer<Schema, typeof userProfilesRequested.schema>({
    name: 'on-user-profiles-requested',
    event: userProfilesRequested,
    handle: (tx) => begin(usersTx(tx)),
  });
