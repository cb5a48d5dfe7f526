import { ADMIN, USER } from './role.ts';
import type { User } from './user.ts';

/** The account of an administrator whom Stoa itself makes: protected, and active if its password is known already. */
export const newAdministrator = (
  id: string,
  { email, fullName, status }: { email: string; fullName: string | null; status: 'active' | 'pending' },
  now: Date,
): User => ({
  id,
  email,
  login: null,
  phone: null,
  fullName,
  status,
  roles: [USER, ADMIN],
  protected: true,
  blockedFrom: null,
  tokenVersion: 1,
  codeRequestedAt: now,
  version: 1,
  createdAt: now,
  updatedAt: now,
});

/** An administrator who has not chosen a password yet: a person who registers is never one. */
export const isInvited = ({ status, roles }: User, passwordHash: string | null): boolean =>
  status === 'pending' && roles.includes(ADMIN) && passwordHash === null;

/** An administrator whom nobody can delete, demote or block; `user` itself if they were one. With other roles their tokens are others. */
export function appointed(user: User, now: Date): User {
  const isAdmin = user.roles.includes(ADMIN);
  if (isAdmin && user.protected) return user;
  return {
    ...user,
    roles: isAdmin ? user.roles : [...user.roles, ADMIN],
    tokenVersion: isAdmin ? user.tokenVersion : user.tokenVersion + 1,
    protected: true,
    version: user.version + 1,
    updatedAt: now,
  };
}

export const unprotected = (user: User, now: Date): User => ({ ...user, protected: false, version: user.version + 1, updatedAt: now });
