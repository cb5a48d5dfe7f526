import { type Kysely, sql, type Transaction } from 'kysely';
import { builtInRole } from '../application/manage-roles.ts';
import type { OwnRoles, RoleReader } from '../application/permission-ports.ts';
import { ADMIN, type Role, USER } from '../domain/role.ts';
import { errors } from '../errors.ts';
import type { UsersTables } from './tables.ts';

const COLUMNS = ['name', 'permissions', 'version'] as const;

/** @param onIdentityChange called on every change: what a role allows is known to all processes. */
export const createPgOwnRoles = (tx: Transaction<UsersTables>, onIdentityChange: () => void): OwnRoles => ({
  lock: (name) => tx.selectFrom('roles').select(COLUMNS).where('name', '=', name).forUpdate().executeTakeFirst(),
  async insert({ name, permissions, version }, now, reservedId) {
    const { numInsertedOrUpdatedRows: inserted } = await tx
      .insertInto('roles')
      .values({ name, permissions, version, created_at: now, reserved_id: reservedId ?? null })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .executeTakeFirst();
    if (inserted === 1n) return void onIdentityChange();
    const made = tx
      .selectFrom('roles')
      .select(COLUMNS)
      .where('name', '=', name)
      .where('reserved_id', '=', reservedId ?? null);
    return await made.executeTakeFirstOrThrow(() => errors.role_taken());
  },
  async save({ name, permissions, version }) {
    await tx.updateTable('roles').set({ permissions, version }).where('name', '=', name).execute();
    onIdentityChange();
  },
  async remove(name) {
    await tx.deleteFrom('roles').where('name', '=', name).execute();
    onIdentityChange();
  },
  async isInUse(name) {
    // Materialized: for one row of a role that few have, the planner would rather read all accounts until it meets one.
    const row = await tx
      .with(
        (cte) => cte('holders').materialized(),
        (db) => db.selectFrom('users').select('id').where('roles', '@>', sql<string[]>`array[${name}]::text[]`),
      )
      .selectFrom('holders')
      .select('id')
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  },
});

/** Names are ASCII; whatever the database's collation is, they go by their bytes, as JavaScript compares them. */
const nameInBytes = sql<string>`name collate "C"`;

export const createPgRoleReader = (db: Kysely<UsersTables>): RoleReader => ({
  async find(name) {
    return builtInRole(name) ?? (await db.selectFrom('roles').select(COLUMNS).where('name', '=', name).executeTakeFirst());
  },
  async list({ limit, after }) {
    const rows = await db
      .selectFrom('roles')
      .select(COLUMNS)
      .$if(after !== undefined, (query) => query.where(nameInBytes, '>', after as string))
      .orderBy(nameInBytes)
      .limit(limit)
      .execute();
    const builtIn = [ADMIN, USER].filter((name) => after === undefined || name > after).map((name) => builtInRole(name) as Role);
    return [...rows, ...builtIn].sort((one, other) => (one.name < other.name ? -1 : 1)).slice(0, limit);
  },
});
