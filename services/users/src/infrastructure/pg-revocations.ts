import { CLOCK_TOLERANCE_SECONDS } from '@stoa/auth';
import type { Transaction } from 'kysely';
import type { Revocations } from '../application/session-ports.ts';
import { ACCESS_TOKEN_SECONDS } from '../domain/session.ts';
import type { UsersSchema } from './tables.ts';

/** No access token that was issued by `now` is accepted after this, on whichever clock: a minute to spare. */
export const tokenLifeFrom = (now: Date): Date => new Date(now.getTime() + (ACCESS_TOKEN_SECONDS + CLOCK_TOLERANCE_SECONDS + 60) * 1_000);

/** @param onRevoked told when access tokens were revoked. */
export const createPgRevocations = (tx: Transaction<UsersSchema>, onRevoked: () => void): Revocations => ({
  async revokeOlderThan(userId, version, now) {
    await tx
      .insertInto('revocations')
      .values({ session_id: null, user_id: userId, version, expires_at: tokenLifeFrom(now) })
      .execute();
    onRevoked();
  },
});

/** Removes what no token outlives. */
export async function removeOldRevocations(tx: Transaction<UsersSchema>, now: Date): Promise<void> {
  await tx.deleteFrom('revocations').where('expires_at', '<', now).execute();
}
