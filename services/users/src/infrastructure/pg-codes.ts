import { foreignKeyViolation } from '@stoa/postgres';
import type { Kysely, Transaction } from 'kysely';
import type { Codes } from '../application/credential-ports.ts';
import { TRIES_PER_CODE } from '../domain/activation.ts';
import type { UsersTables } from './tables.ts';

/** Live codes in Postgres: each operation is one statement, or decides by one, so that copies of the service need no lock. */
export function createPgCodes(db: Kysely<UsersTables>): Codes {
  return {
    async keep({ userId, requestId, requestNumber, digest, expiresAt }) {
      try {
        const kept = await db
          .insertInto('activation_codes')
          .values({ user_id: userId, request_id: requestId, request_number: requestNumber, digest, tries: 0, expires_at: expiresAt })
          .onConflict((conflict) =>
            conflict
              .column('user_id')
              .doUpdateSet(({ ref, eb }) => ({
                request_id: ref('excluded.request_id'),
                request_number: ref('excluded.request_number'),
                digest: ref('excluded.digest'),
                tries: eb
                  .case()
                  .when('activation_codes.request_id', '=', ref('excluded.request_id'))
                  .then(ref('activation_codes.tries'))
                  .else(0)
                  .end(),
                expires_at: ref('excluded.expires_at'),
              }))
              .whereRef('activation_codes.request_number', '<=', 'excluded.request_number'),
          )
          .returning('user_id')
          .executeTakeFirst();
        return kept !== undefined;
      } catch (error) {
        if (foreignKeyViolation(error) !== undefined) return false;
        throw error;
      }
    },
    async attempt(userId, now) {
      const open = await db
        .updateTable('activation_codes')
        .set(({ eb }) => ({ tries: eb('tries', '+', 1) }))
        .where('user_id', '=', userId)
        .where('tries', '<', TRIES_PER_CODE)
        .where('expires_at', '>', now)
        .returning(['request_id', 'digest'])
        .executeTakeFirst();
      if (open !== undefined) return { state: 'open', requestId: open.request_id, digest: open.digest };
      const closed = await db.selectFrom('activation_codes').select('tries').where('user_id', '=', userId).executeTakeFirst();
      if (closed === undefined) return { state: 'none' };
      return { state: closed.tries < TRIES_PER_CODE ? 'expired' : 'exhausted' };
    },
  };
}

/** Removes up to `limit` that expired before `before`: codes of accounts that are active, as those that are not go with theirs. @returns how many. */
export async function removeOldCodes(tx: Transaction<UsersTables>, before: Date, limit: number): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('activation_codes')
    .where('user_id', 'in', (db) =>
      db
        .selectFrom('activation_codes')
        .select('user_id')
        .where('expires_at', '<', before)
        .orderBy('expires_at')
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
