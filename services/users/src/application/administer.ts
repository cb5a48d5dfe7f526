import type { Caller } from '@stoa/auth';
import { ADMIN } from '../domain/role.ts';
import type { User } from '../domain/user.ts';
import { errors, permissionDenied } from '../errors.ts';
import type { UsersTx } from './ports.ts';

/** Throws when the account is not as the caller saw it. */
export type RequireState = (user: User) => void;

/**
 * The account that is to be administered, its row locked, after any change of administrators that is in progress. Nobody
 * administers one with permissions that they do not have themselves: they could gain them by it. A caller who was admitted and is blocked
 * or has lost a permission by now is refused: when two demote each other at the same time, one succeeds.
 * @throws 404 `user_not_found`; 403 `permission_denied`.
 */
export async function lockTarget(tx: UsersTx, id: string, by: Caller): Promise<User> {
  await tx.administrators.lock();
  const user = await tx.users.lock(id);
  if (user === undefined) throw errors.user_not_found();
  if (by.userId !== undefined) await requireStillAllowed(tx, by, id === by.userId ? user : await tx.users.lock(by.userId));
  if (id !== by.userId) requireAll(by, await permissionsOf(tx, user.roles), 'This account has permissions that you do not have.');
  return user;
}

async function requireStillAllowed(tx: UsersTx, by: Caller, caller: User | undefined): Promise<void> {
  const held = caller?.status === 'active' ? await permissionsOf(tx, caller.roles) : new Set<string>();
  if (!by.permissions.isSubsetOf(held)) throw permissionDenied('You no longer have the permissions that you had a moment ago.');
}

/** @throws 403 `permission_denied` unless `by` has all of these. */
export function requireAll({ permissions }: Caller, needed: Iterable<string>, message: string): void {
  for (const permission of needed) if (!permissions.has(permission)) throw permissionDenied(message);
}

/** What roles allow together; none of them changes until the transaction ends. */
export async function permissionsOf({ roles }: UsersTx, names: readonly string[]): Promise<ReadonlySet<string>> {
  return new Set([...(await roles.hold(names)).values()].flat());
}

/** @throws 403 `admin_protected`. */
export function requireUnprotected(user: User): void {
  if (user.protected) throw errors.admin_protected();
}

/** For what removes an administrator. @throws 403 `admin_protected`; 409 `last_admin`. */
export async function requireDispensable(tx: UsersTx, user: User): Promise<void> {
  requireUnprotected(user);
  const isAdmin = user.status === 'active' && user.roles.includes(ADMIN);
  if (isAdmin && !(await tx.administrators.existBeside(user.id))) throw errors.last_admin();
}
