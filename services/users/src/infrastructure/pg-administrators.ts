import { sql, type Transaction } from 'kysely';
import type { Administrators, SetUpCodes } from '../application/permission-ports.ts';
import { ADMIN } from '../domain/role.ts';
import type { UsersTables } from './tables.ts';

/** Written out, as in `users_administrators`, so that the statement is served by that index however often it is prepared. */
const IS_ADMINISTRATOR = sql<boolean>`roles @> ${sql.lit(`{${ADMIN}}`)}`;

export const createPgAdministrators = (tx: Transaction<UsersTables>): Administrators => ({
  async lock() {
    await sql`select pg_advisory_xact_lock(hashtext('stoa.administrators'))`.execute(tx);
  },
  async exist() {
    const row = await tx.selectFrom('users').select('id').where(IS_ADMINISTRATOR).limit(1).executeTakeFirst();
    return row !== undefined;
  },
  async existBeside(id) {
    const row = await tx
      .selectFrom('users')
      .select('id')
      .where(IS_ADMINISTRATOR)
      .where('status', '=', 'active')
      .where('id', '<>', id)
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  },
});

export const createPgSetUpCodes = (tx: Transaction<UsersTables>): SetUpCodes => ({
  async add(digest, expiresAt) {
    await tx.insertInto('setup_codes').values({ digest, expires_at: expiresAt }).execute();
  },
  async isOpen(digest, now) {
    const row = await tx
      .selectFrom('setup_codes')
      .select('expires_at')
      .where('digest', '=', digest)
      .where('expires_at', '>', now)
      .executeTakeFirst();
    return row !== undefined;
  },
  async removeAll() {
    await tx.deleteFrom('setup_codes').execute();
  },
});

/** Removes codes that nobody has used. */
export async function removeOldSetUpCodes(tx: Transaction<UsersTables>, now: Date): Promise<void> {
  await tx.deleteFrom('setup_codes').where('expires_at', '<=', now).execute();
}
