import { CLOCK_TOLERANCE_SECONDS } from '@stoa/auth';
import { sql, type Transaction } from 'kysely';
import type { Revocations } from '../application/session-ports.ts';
import { ACCESS_TOKEN_SECONDS } from '../domain/session.ts';
import type { UsersTables } from './tables.ts';

/** No access token that was issued by `now` is accepted after this, on whichever clock: a minute to spare. */
export const tokenLifeFrom = (now: Date): Date => new Date(now.getTime() + (ACCESS_TOKEN_SECONDS + CLOCK_TOLERANCE_SECONDS + 60) * 1_000);

/** @param onRevoked called when access tokens were revoked. */
export const createPgRevocations = (tx: Transaction<UsersTables>, onRevoked: () => void): Revocations => ({
  async revokeOlderThan(userId, version, now) {
    await tx
      .insertInto('revocations')
      .values({ session_id: null, user_id: userId, version, expires_at: tokenLifeFrom(now) })
      .execute();
    onRevoked();
  },
});

/** Removes up to `limit` that no token outlives. @returns how many. */
export async function removeOldRevocations(tx: Transaction<UsersTables>, now: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from revocations where ctid = any(array(
      select ctid from revocations where expires_at < ${now} order by expires_at limit ${limit} for update skip locked))`.execute(tx);
  return Number(numAffectedRows ?? 0);
}
