import { job } from '@stoa/messaging';
import { createPgIdempotency } from '@stoa/postgres';
import type { Clock } from '@stoa/service';
import type { Transaction } from 'kysely';
import { Type } from 'typebox';
import type { UsersTx } from '../application/ports.ts';
import { createRemovePendingUsers } from '../application/remove-pending-users.ts';
import type { UsersConfig } from '../config.ts';
import { removeOldLinks } from '../infrastructure/pg-account-links.ts';
import { removeOldSetUpCodes } from '../infrastructure/pg-administrators.ts';
import { removeOldCodes } from '../infrastructure/pg-codes.ts';
import { removeOldRevocations } from '../infrastructure/pg-revocations.ts';
import { removeOldSessions } from '../infrastructure/pg-sessions.ts';
import { removeOldSigningKeys } from '../infrastructure/pg-signing-keys.ts';
import type { UsersSchema } from '../infrastructure/tables.ts';

const HOUR_MS = 3_600_000;
/** Sessions that are over tell which devices are known. */
const ENDED_SESSIONS_KEPT_MS = 90 * 24 * HOUR_MS;
/** Longer than a link lives after the longest wait of its mail, so that it is told expired for a while. */
const OLD_LINKS_KEPT_MS = 7 * 24 * HOUR_MS;
/** At most so many rows of a kind in one run: locks are held for a moment only. */
const BATCH = 1_000;

export interface CleanUpOptions {
  readonly config: UsersConfig;
  readonly clock: Clock;
  usersTx(tx: Transaction<UsersSchema>): UsersTx;
}

/** The job that removes what is over, each minute, a batch at a time until nothing is left. */
export function createCleanUp({ config, clock, usersTx }: CleanUpOptions) {
  const pendingLifeMs = config.PENDING_USER_TTL_HOURS * HOUR_MS;
  const removePendingUsers = createRemovePendingUsers({ clock, pendingLifeMs });
  return job<UsersSchema, ReturnType<typeof Type.Object>>({
    name: 'remove-pending-users',
    data: Type.Object({}, { additionalProperties: false }),
    async handle(tx) {
      const now = clock.now();
      const isMore = await removePendingUsers(usersTx(tx));
      const removed = [
        await removeOldCodes(tx, new Date(now.getTime() - pendingLifeMs), BATCH),
        await removeOldSessions(tx, new Date(now.getTime() - ENDED_SESSIONS_KEPT_MS), BATCH),
        await removeOldLinks(tx, new Date(now.getTime() - OLD_LINKS_KEPT_MS), BATCH),
        await removeOldRevocations(tx, now, BATCH),
        await createPgIdempotency(tx).prune(now, BATCH),
      ];
      await removeOldSigningKeys(tx, now);
      await removeOldSetUpCodes(tx, now);
      return isMore || removed.includes(BATCH) ? 'more' : undefined;
    },
  });
}
