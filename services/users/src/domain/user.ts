import type { Person } from './person.ts';

/** `pending` until the address is confirmed; `blocked` by an administrator. */
export type UserStatus = 'pending' | 'active' | 'blocked';

/** An account. It never carries the password's hash, so that no answer, event or log line can. */
export interface User {
  readonly id: string;
  readonly email: string;
  readonly login: string | null;
  readonly phone: string | null;
  readonly fullName: string | null;
  readonly status: UserStatus;
  readonly roles: readonly string[];
  /** An administrator whom nobody can delete, demote or block. */
  readonly protected: boolean;
  /** What a blocked account was, and will be again. */
  readonly blockedFrom: 'pending' | 'active' | null;
  /** Stands in every access token: raised, it ends all that were issued before. */
  readonly tokenVersion: number;
  /** When the last code was asked for, or the last link left: a pending account is removed a day later. */
  readonly codeRequestedAt: Date;
  /** Rises with every change that a reader can see. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export const newUser = (id: string, { email, login, phone, fullName }: Person, now: Date): User => ({
  id,
  email,
  login,
  phone,
  fullName,
  status: 'pending',
  roles: ['user'],
  protected: false,
  blockedFrom: null,
  tokenVersion: 1,
  codeRequestedAt: now,
  version: 1,
  createdAt: now,
  updatedAt: now,
});

/** Another code was asked for, or a link left: the account gets its time anew. */
export const codeRequested = (user: User, now: Date): User => ({ ...user, codeRequestedAt: now });

export const activated = (user: User, now: Date): User => ({ ...user, status: 'active', version: user.version + 1, updatedAt: now });

/** Kept out, with all of its tokens. */
export const blocked = (user: User, now: Date): User =>
  user.status === 'blocked'
    ? user
    : { ...endingTokens(user), status: 'blocked', blockedFrom: user.status, version: user.version + 1, updatedAt: now };

/** As it was before: one whose address was never proven still has to prove it. */
export const unblocked = (user: User, now: Date): User =>
  user.status === 'blocked'
    ? { ...user, status: user.blockedFrom ?? 'active', blockedFrom: null, version: user.version + 1, updatedAt: now }
    : user;

/** With other roles the tokens that name the earlier ones are dead; the next refresh gives others. */
export const withRoles = (user: User, roles: readonly string[], now: Date): User => ({
  ...endingTokens(user),
  roles,
  version: user.version + 1,
  updatedAt: now,
});

/** All access tokens that were issued so far are dead. */
export const endingTokens = (user: User): User => ({ ...user, tokenVersion: user.tokenVersion + 1 });
