import { anyOf } from '@stoa/postgres';
import { sql, type Transaction } from 'kysely';
import { type ImportedUsers, UNIQUE_FIELDS } from '../application/account-ports.ts';
import { toColumns } from './pg-users.ts';
import type { UsersTables } from './tables.ts';

export const createPgImportedUsers = (tx: Transaction<UsersTables>): ImportedUsers => ({
  async insert(users) {
    // Two imports of the same people in another order would wait for each other.
    await sql`select pg_advisory_xact_lock(hashtext('stoa.imports'))`.execute(tx);
    const given = users.map(({ user, passwordHash }) => ({
      id: user.id,
      password_hash: passwordHash,
      created_at: user.createdAt,
      ...toColumns(user),
    }));
    const columns = sql.raw(Object.keys(given[0] ?? {}).join(', '));
    // Of any unique field: a clash is an answer here, and must not end the transaction.
    const { rows } = await sql<{ id: string }>`
      insert into users (${columns}) select ${columns} from json_populate_recordset(null::users, ${JSON.stringify(given)})
      on conflict do nothing returning id`.execute(tx);
    return new Set(rows.map(({ id }) => id));
  },
  async clashes(values) {
    if (values.length === 0) return [];
    const given = (field: (typeof UNIQUE_FIELDS)[number]) => values.map((value) => value[field]).filter((value) => value !== null);
    const taken = await tx
      .selectFrom('users')
      .select(UNIQUE_FIELDS)
      .where((is) => is.or(UNIQUE_FIELDS.map((field) => is(field, '=', anyOf(given(field), 'text')))))
      .execute();
    return values.map((value) => UNIQUE_FIELDS.find((field) => value[field] !== null && taken.some((row) => row[field] === value[field])));
  },
});
