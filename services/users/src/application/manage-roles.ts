import type { Caller } from '@stoa/auth';
import { PERMISSIONS } from '@stoa/contracts';
import type { Clock } from '@stoa/service';
import { ADMIN, isBuiltIn, type Role } from '../domain/role.ts';
import { errors } from '../errors.ts';
import { requireAll } from './administer.ts';
import type { InTransaction, UsersTx } from './ports.ts';

export interface ManageRoles {
  /**
   * @param reservedId of the request, where it may be repeated: a role that it has made already is the answer.
   * @throws 403 `permission_denied`; 409 `role_taken`.
   */
  create(name: string, permissions: readonly string[], by: Caller, reservedId?: string): Promise<Role>;
  /** @throws 404 `role_not_found`; 403 `permission_denied`; what `requireState` throws; 409 `role_built_in`. */
  change(name: string, permissions: readonly string[], by: Caller, requireState: RequireRoleState): Promise<Role>;
  /** @throws as above; 409 `role_in_use`. */
  delete(name: string, by: Caller, requireState: RequireRoleState): Promise<void>;
}

/** Throws when the role is not as the caller saw it. */
export type RequireRoleState = (role: Role) => void;

const MORE_THAN_YOURS = 'This role has permissions that you do not have.';

/**
 * Roles beside the built-in ones. Nobody makes, changes or deletes one with permissions that they do not have themselves. A change
 * takes effect everywhere within a second: tokens name roles, and each process knows what those allow.
 */
export function createManageRoles({ inTransaction, clock }: { inTransaction: InTransaction; clock: Clock }): ManageRoles {
  async function lock({ ownRoles }: UsersTx, name: string, by: Caller, requireState: RequireRoleState): Promise<Role> {
    const role = builtInRole(name) ?? (await ownRoles.lock(name));
    if (role === undefined) throw errors.role_not_found();
    requireAll(by, role.permissions, MORE_THAN_YOURS);
    requireState(role);
    if (isBuiltIn(name)) throw errors.role_built_in();
    return role;
  }

  return {
    async create(name, wanted, by, reservedId) {
      requireAll(by, wanted, MORE_THAN_YOURS);
      if (isBuiltIn(name)) throw errors.role_taken();
      const role = { name, permissions: inOrder(wanted), version: 1 };
      const now = clock.now();
      return await inTransaction(async (tx) => {
        const made = await tx.ownRoles.insert(role, now, reservedId);
        if (made !== undefined) return made;
        const details = { permissions: role.permissions };
        await tx.audit.append({ action: 'role-created', actor: by.actor, subject: name, at: now, details });
        return role;
      });
    },
    async change(name, wanted, by, requireState) {
      requireAll(by, wanted, MORE_THAN_YOURS);
      return await inTransaction(async (tx) => {
        const role = await lock(tx, name, by, requireState);
        const permissions = inOrder(wanted);
        if (permissions.join() === role.permissions.join()) return role;
        const changed = { ...role, permissions, version: role.version + 1 };
        await tx.ownRoles.save(changed);
        const details = { before: role.permissions, after: permissions };
        await tx.audit.append({ action: 'role-changed', actor: by.actor, subject: name, at: clock.now(), details });
        return changed;
      });
    },
    async delete(name, by, requireState) {
      await inTransaction(async (tx) => {
        const role = await lock(tx, name, by, requireState);
        if (await tx.ownRoles.isInUse(name)) throw errors.role_in_use();
        await tx.ownRoles.remove(name);
        const details = { permissions: role.permissions };
        await tx.audit.append({ action: 'role-deleted', actor: by.actor, subject: name, at: clock.now(), details });
      });
    },
  };
}

/** Its version rises with what a newer Stoa lets it do. */
export function builtInRole(name: string): Role | undefined {
  if (!isBuiltIn(name)) return undefined;
  const permissions = name === ADMIN ? PERMISSIONS : [];
  return { name, permissions, version: permissions.length + 1 };
}

const inOrder = (permissions: readonly string[]): string[] => PERMISSIONS.filter((permission) => permissions.includes(permission));
