import { userProfileChanged } from '@stoa/contracts';
import { profileToPublish } from '../domain/public-profile.ts';
import type { UsersTx } from './ports.ts';

/**
 * Completes every unit of work: publishes what people are called from now on, of the accounts that it has written. So no use case that
 * makes an account active, or gives it another name, can forget to.
 */
export async function publishChangedProfiles({ users, outbox }: UsersTx): Promise<void> {
  for (const { before, now } of users.changes()) {
    const profile = profileToPublish(before, now);
    if (profile !== undefined) await outbox.append(userProfileChanged, profile);
  }
}
