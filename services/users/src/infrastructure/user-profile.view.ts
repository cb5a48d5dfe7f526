import { prepare } from '@stoa/postgres';
import type { Kysely } from 'kysely';
import type { ReadProfile } from '../application/user-list.ts';
import type { UsersTables } from './tables.ts';

/** Stands where the id does while the statement is built. */
const ANY_ID = '00000000-0000-0000-0000-000000000000';

/** One account as others see it, read at every turn of a client: the fewest columns, by a statement that is built once. */
export function createReadProfile(db: Kysely<UsersTables>): ReadProfile {
  const byId = prepare(
    db,
    db
      .selectFrom('users')
      .select(['id', 'email', 'login', 'phone', 'full_name as fullName', 'status', 'roles', 'created_at as createdAt', 'version'])
      .where('id', '=', ANY_ID),
  );
  return async (id) => (await byId(id))[0];
}
