import { userProfilesRequested } from '@stoa/contracts';
import type { UnitOfWork } from '@stoa/kit';
import { consumer } from '@stoa/messaging';
import type { UsersTx } from '../../application/ports.ts';
import type { PublishProfiles } from '../../application/publish-profiles.ts';

/** A service that shows names may ask for all of them. */
export const onUserProfilesRequested = <Schema>(unit: UnitOfWork<Schema, UsersTx>, { begin }: PublishProfiles) =>
  consumer<Schema, typeof userProfilesRequested.schema>({
    name: 'on-user-profiles-requested',
    event: userProfilesRequested,
    handle: (tx) => unit.in(tx, begin),
  });
