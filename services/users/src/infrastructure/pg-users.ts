import { uniqueViolation } from '@stoa/postgres';
import type { Kysely, Selectable, Transaction } from 'kysely';
import { type Account, UNIQUE_FIELDS, type UserReader, type UserWriter } from '../application/account-ports.ts';
import type { User } from '../domain/user.ts';
import { taken } from '../errors.ts';
import { recentRequests, toRequest } from './pg-activation-requests.ts';
import type { UsersTables } from './tables.ts';

type AccountRow = Selectable<UsersTables['users']>;
export type UserRow = Omit<AccountRow, 'password_hash' | 'password_version'>;

export const COLUMNS = [
  'users.id',
  'users.email',
  'users.login',
  'users.phone',
  'users.full_name',
  'users.status',
  'users.roles',
  'users.protected',
  'users.blocked_from',
  'users.token_version',
  'users.code_requested_at',
  'users.version',
  'users.created_at',
  'users.updated_at',
] as const;

const ACCOUNT_COLUMNS = [...COLUMNS, 'users.password_hash', 'users.password_version'] as const;

export function createPgUserReader(db: Kysely<UsersTables>): UserReader {
  return {
    async find(id) {
      const row = await db.selectFrom('users').select(COLUMNS).where('id', '=', id).executeTakeFirst();
      return row && toUser(row);
    },
    async findAccount(field, value) {
      const row = await db.selectFrom('users').select(ACCOUNT_COLUMNS).where(field, '=', value).executeTakeFirst();
      return row && toAccount(row);
    },
    async findTaken(values) {
      const rows = await db
        .selectFrom('users')
        .select(UNIQUE_FIELDS)
        .where((is) => is.or(UNIQUE_FIELDS.map((field) => is(field, '=', values[field]))))
        .execute();
      return UNIQUE_FIELDS.find((field) => values[field] !== null && rows.some((row) => row[field] === values[field]));
    },
    async findRequest(id) {
      const row = await db
        .selectFrom('activation_requests as request')
        .innerJoin('users', 'users.id', 'request.user_id')
        .select(['request.id as request_id', 'request.number', 'request.requested_at', ...COLUMNS])
        .where('request.id', '=', id)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const request = toRequest({ id: row.request_id, user_id: row.id, number: row.number, requested_at: row.requested_at });
      const [newest = request] = await recentRequests(db, row.id);
      return { request, newest, user: toUser(row) };
    },
    recentRequests: (userId) => recentRequests(db, userId),
  };
}

export function createPgUserWriter(tx: Transaction<UsersTables>): UserWriter {
  const read = new Map<string, User>();
  const written = new Map<string, User>();
  return {
    async insert(user, passwordHash) {
      try {
        await tx
          .insertInto('users')
          .values({ id: user.id, password_hash: passwordHash, created_at: user.createdAt, ...toColumns(user) })
          .execute();
      } catch (error) {
        throw asTaken(error);
      }
      written.set(user.id, user);
    },
    async lock(id) {
      const row = await tx.selectFrom('users').select(COLUMNS).where('id', '=', id).forUpdate().executeTakeFirst();
      return row && remembered(toUser(row));
    },
    async lockAccount(id) {
      const row = await tx.selectFrom('users').select(ACCOUNT_COLUMNS).where('id', '=', id).forUpdate().executeTakeFirst();
      const account = row && toAccount(row);
      if (account !== undefined) remembered(account.user);
      return account;
    },
    async save(user) {
      if (!read.has(user.id) && !written.has(user.id)) throw new Error(`the account ${user.id} was to be saved without its lock`);
      try {
        await tx.updateTable('users').set(toColumns(user)).where('id', '=', user.id).execute();
      } catch (error) {
        throw asTaken(error);
      }
      written.set(user.id, user);
    },
    changes: () => [...written].map(([id, now]) => ({ before: read.get(id), now })),
    async setPassword(id, passwordHash) {
      await tx
        .updateTable('users')
        .set(({ eb }) => ({ password_hash: passwordHash, password_version: eb('password_version', '+', 1) }))
        .where('id', '=', id)
        .execute();
    },
    async replaceHash(id, old, better) {
      const { numUpdatedRows } = await tx
        .updateTable('users')
        .set({ password_hash: better })
        .where('id', '=', id)
        .where('password_hash', '=', old)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    async remove(id) {
      await tx.deleteFrom('users').where('id', '=', id).execute();
    },
    async removePending(before, limit) {
      const rows = await tx
        .with('oldest', (db) =>
          db
            .selectFrom('users')
            .select('id')
            .where('status', '=', 'pending')
            .where('code_requested_at', '<', before)
            .orderBy('code_requested_at')
            .orderBy('id')
            .limit(limit)
            .forUpdate()
            .skipLocked(),
        )
        .deleteFrom('users')
        .using('oldest')
        .whereRef('users.id', '=', 'oldest.id')
        .returning('users.id')
        .execute();
      return rows.map(({ id }) => id);
    },
  };

  /** As it was before the transaction wrote it. */
  function remembered(user: User): User {
    if (!read.has(user.id) && !written.has(user.id)) read.set(user.id, user);
    return user;
  }
}

/** The clash that a constraint found, or the error as it was. */
function asTaken(error: unknown): unknown {
  const constraint = uniqueViolation(error);
  const field = UNIQUE_FIELDS.find((unique) => constraint === `users_${unique}_key`);
  return field === undefined ? error : taken(field);
}

const toAccount = (row: AccountRow): Account => ({
  user: toUser(row),
  passwordHash: row.password_hash,
  passwordVersion: row.password_version,
});

export const toUser = (row: UserRow): User => ({
  id: row.id,
  email: row.email,
  login: row.login,
  phone: row.phone,
  fullName: row.full_name,
  status: row.status,
  roles: row.roles,
  protected: row.protected,
  blockedFrom: row.blocked_from,
  tokenVersion: row.token_version,
  codeRequestedAt: row.code_requested_at,
  version: row.version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export const toColumns = (user: User) => ({
  email: user.email,
  login: user.login,
  phone: user.phone,
  full_name: user.fullName,
  status: user.status,
  roles: user.roles,
  protected: user.protected,
  blocked_from: user.blockedFrom,
  token_version: user.tokenVersion,
  code_requested_at: user.codeRequestedAt,
  version: user.version,
  updated_at: user.updatedAt,
});
