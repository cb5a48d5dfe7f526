import { PERMISSIONS } from '@stoa/contracts';
import { anyOf } from '@stoa/postgres';
import type { Transaction } from 'kysely';
import type { Roles } from '../application/permission-ports.ts';
import { ADMIN, USER } from '../domain/role.ts';
import type { UsersTables } from './tables.ts';

const BUILT_IN: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  [USER, []],
  [ADMIN, PERMISSIONS],
]);

export const createPgRoles = (tx: Transaction<UsersTables>): Roles => ({
  async hold(names) {
    const own = names.filter((name) => !BUILT_IN.has(name));
    const rows =
      own.length === 0
        ? []
        : await tx
            .selectFrom('roles')
            .select(['name', 'permissions'])
            .where('name', '=', anyOf(own, 'text'))
            .orderBy('name')
            .forShare()
            .execute();
    const held = new Map(rows.map(({ name, permissions }) => [name, permissions]));
    for (const [name, permissions] of BUILT_IN) if (names.includes(name)) held.set(name, permissions);
    return held;
  },
});
