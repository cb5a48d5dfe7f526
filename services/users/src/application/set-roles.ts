import type { Caller } from '@stoa/auth';
import type { Clock } from '@stoa/service';
import { ADMIN } from '../domain/role.ts';
import { type User, withRoles } from '../domain/user.ts';
import { unknownRoles } from '../errors.ts';
import { lockTarget, type RequireState, requireAll, requireDispensable, requireUnprotected } from './administer.ts';
import type { InTransaction } from './ports.ts';

export type SetRoles = (id: string, roles: readonly string[], by: Caller, requireState: RequireState) => Promise<User>;

/**
 * Gives an account these roles and no others. Its access tokens end; the next refresh gives some with the new roles.
 * @throws 400 `validation_failed` for a role that is not there; 404 `user_not_found`; 403 `permission_denied`, `admin_protected`;
 *   what `requireState` throws; 409 `last_admin`.
 */
export const createSetRoles =
  ({ inTransaction, clock }: { inTransaction: InTransaction; clock: Clock }): SetRoles =>
  (id, roles, by, requireState) =>
    inTransaction(async (tx) => {
      const user = await lockTarget(tx, id, by);
      const held = await tx.roles.hold(roles);
      const missing = roles.flatMap((name, index) => (held.has(name) ? [] : [index]));
      if (missing.length > 0) throw unknownRoles(missing);
      requireAll(by, [...held.values()].flat(), 'These roles allow more than you may yourself.');
      const isDemoted = user.roles.includes(ADMIN) && !held.has(ADMIN);
      if (isDemoted) requireUnprotected(user);
      requireState(user);
      if (isDemoted) await requireDispensable(tx, user);
      if (roles.length === user.roles.length && user.roles.every((name) => held.has(name))) return user;
      const now = clock.now();
      const changed = withRoles(user, roles, now);
      await tx.users.save(changed);
      await tx.revocations.revokeOlderThan(id, changed.tokenVersion, now);
      await tx.audit.append({
        action: 'roles-changed',
        actor: by.actor,
        subject: id,
        at: now,
        details: { before: user.roles, after: roles },
      });
      return changed;
    });
