import { anyOf } from '@stoa/postgres';
import type { Kysely, Selectable, Transaction } from 'kysely';
import type { AccountLinks, LinkReader } from '../application/credential-ports.ts';
import { type AccountLink, LINKS_AN_HOUR } from '../domain/account-link.ts';
import { COLUMNS, toUser } from './pg-users.ts';
import type { UsersTables } from './tables.ts';

const LINK_COLUMNS = [
  'account_links.id as link_id',
  'account_links.user_id',
  'account_links.purpose',
  'account_links.email as link_email',
  'account_links.requested_at',
  'account_links.expires_at',
  'account_links.used_at',
] as const;

type LinkRow = Omit<Selectable<UsersTables['account_links']>, 'id' | 'email' | 'digest'> & {
  readonly link_id: string;
  readonly link_email: string | null;
};

export const createPgLinkReader = (db: Kysely<UsersTables>): LinkReader => ({
  async findByDigest(digest) {
    const row = await db
      .selectFrom('account_links')
      .innerJoin('users', 'users.id', 'account_links.user_id')
      .select([...LINK_COLUMNS, ...COLUMNS])
      .where('account_links.digest', '=', digest)
      .executeTakeFirst();
    return row && { link: toLink(row), user: toUser(row) };
  },
});

export const createPgAccountLinks = (tx: Transaction<UsersTables>): AccountLinks => ({
  async add({ id, userId, purpose, email, requestedAt, expiresAt, usedAt }) {
    await tx
      .insertInto('account_links')
      .values({ id, user_id: userId, purpose, email, requested_at: requestedAt, digest: null, expires_at: expiresAt, used_at: usedAt })
      .execute();
  },
  async find(id) {
    const row = await tx.selectFrom('account_links').select(LINK_COLUMNS).where('id', '=', id).executeTakeFirst();
    return row && toLink(row);
  },
  async recent(userId, purposes) {
    const rows = await tx
      .selectFrom('account_links')
      .select('requested_at')
      .where('user_id', '=', userId)
      .where('purpose', '=', anyOf(purposes, 'text'))
      .orderBy('requested_at', 'desc')
      .limit(LINKS_AN_HOUR)
      .execute();
    return rows.map((row) => row.requested_at);
  },
  async keep(id, digest, expiresAt) {
    await tx.updateTable('account_links').set({ digest, expires_at: expiresAt }).where('id', '=', id).execute();
  },
  async useUp(userId, now, purposes) {
    let open = tx.updateTable('account_links').set({ used_at: now }).where('user_id', '=', userId).where('used_at', 'is', null);
    if (purposes !== undefined) open = open.where('purpose', '=', anyOf(purposes, 'text'));
    await open.execute();
  },
});

const toLink = (row: LinkRow): AccountLink => ({
  id: row.link_id,
  userId: row.user_id,
  purpose: row.purpose,
  email: row.link_email,
  requestedAt: row.requested_at,
  expiresAt: row.expires_at,
  usedAt: row.used_at,
});

/** Removes up to `limit` links that were asked for before `before`. @returns how many. */
export async function removeOldLinks(tx: Transaction<UsersTables>, before: Date, limit: number): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('account_links')
    .where('id', 'in', (db) =>
      db
        .selectFrom('account_links')
        .select('id')
        .where('requested_at', '<', before)
        .orderBy('requested_at')
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
