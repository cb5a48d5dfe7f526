import { uniqueViolation } from '@stoa/postgres';
import type { Kysely, Selectable, Transaction } from 'kysely';
import type { ServiceAccountReader, ServiceAccounts } from '../application/permission-ports.ts';
import type { ServiceAccount } from '../domain/service-account.ts';
import { errors } from '../errors.ts';
import type { UsersTables } from './tables.ts';

const COLUMNS = ['id', 'name', 'prefix', 'permissions', 'created_at', 'expires_at', 'last_used_at'] as const;

/** @param onIdentityChange called on every change: keys are known to all processes. */
export const createPgServiceAccounts = (tx: Transaction<UsersTables>, onIdentityChange: () => void): ServiceAccounts => ({
  async insert({ id, name, prefix, permissions, createdAt, expiresAt, lastUsedAt }, digest) {
    const insert = tx
      .insertInto('service_accounts')
      .values({ id, name, prefix, digest, permissions, created_at: createdAt, expires_at: expiresAt, last_used_at: lastUsedAt })
      .onConflict((conflict) => conflict.column('id').doNothing());
    const { numInsertedOrUpdatedRows: inserted } = await insert.executeTakeFirst().catch((error: unknown) => {
      throw uniqueViolation(error) === 'service_accounts_name_key' ? errors.service_account_taken() : error;
    });
    if (inserted === 1n) onIdentityChange();
    return inserted === 1n;
  },
  async lock(id) {
    const row = await tx.selectFrom('service_accounts').select(COLUMNS).where('id', '=', id).forUpdate().executeTakeFirst();
    return row && toServiceAccount(row);
  },
  async remove(id) {
    await tx.deleteFrom('service_accounts').where('id', '=', id).execute();
    onIdentityChange();
  },
});

export const createPgServiceAccountReader = (db: Kysely<UsersTables>): ServiceAccountReader => ({
  async list({ limit, after }) {
    const rows = await db
      .selectFrom('service_accounts')
      .select(COLUMNS)
      .$if(after !== undefined, (query) => query.where('id', '<', after as string))
      .orderBy('id', 'desc')
      .limit(limit)
      .execute();
    return rows.map(toServiceAccount);
  },
});

const toServiceAccount = (row: Omit<Selectable<UsersTables['service_accounts']>, 'digest'>): ServiceAccount => ({
  id: row.id,
  name: row.name,
  prefix: row.prefix,
  permissions: row.permissions,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
});
