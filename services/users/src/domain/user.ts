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
  /** When the last code was asked for: a pending account goes a day later. */
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
  codeRequestedAt: now,
  version: 1,
  createdAt: now,
  updatedAt: now,
});

/** Another code was asked for: the account gets its time anew. */
export const codeRequested = (user: User, now: Date): User => ({ ...user, codeRequestedAt: now });

export const activated = (user: User, now: Date): User => ({ ...user, status: 'active', version: user.version + 1, updatedAt: now });
