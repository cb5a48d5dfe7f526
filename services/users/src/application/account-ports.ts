/** Accounts, one by one and many at once. */

import type { ActivationRequest } from '../domain/activation.ts';
import type { PublicProfile } from '../domain/public-profile.ts';
import type { User } from '../domain/user.ts';

/** What no two accounts share, in the order in which a clash is reported. */
export const UNIQUE_FIELDS = ['email', 'phone', 'login'] as const;
export type UniqueField = (typeof UNIQUE_FIELDS)[number];
export type UniqueValues = Pick<User, UniqueField>;

/** An account with the hash of its password; null where none was set yet. */
export interface Account {
  readonly user: User;
  readonly passwordHash: string | null;
  /** Rises with every new password, not when a hash is merely renewed. */
  readonly passwordVersion: number;
}

/** Reading accounts, outside any transaction. */
export interface UserReader {
  find(id: string): Promise<User | undefined>;
  findAccount(field: UniqueField | 'id', value: string): Promise<Account | undefined>;
  /** The first of `UNIQUE_FIELDS` whose value another account has. */
  findTaken(values: UniqueValues): Promise<UniqueField | undefined>;
  /** A request with its account and the newest request of that account; `undefined` when either is gone. */
  findRequest(
    id: string,
  ): Promise<{ readonly request: ActivationRequest; readonly newest: ActivationRequest; readonly user: User } | undefined>;
  /** The newest requests of an account, newest first. */
  recentRequests(userId: string): Promise<readonly ActivationRequest[]>;
}

/** Writing accounts: exists only within a transaction. */
export interface UserWriter {
  /** @throws 409 naming the taken field, when another account won the race. */
  insert(user: User, passwordHash: string | null): Promise<void>;
  /** The account, its row locked until the transaction ends: what is decided on it is decided one after the other. */
  lock(id: string): Promise<User | undefined>;
  lockAccount(id: string): Promise<Account | undefined>;
  /** For an account that the transaction has locked. @throws 409 naming the taken field. */
  save(user: User): Promise<void>;
  /** The accounts that the transaction has written: as they were under their lock, `undefined` of a new one, and as they are. */
  changes(): readonly { readonly before: User | undefined; readonly now: User }[];
  setPassword(id: string, passwordHash: string): Promise<void>;
  /** Another hash of the same password, unless a new password came first. @returns whether it was stored. */
  replaceHash(id: string, old: string, better: string): Promise<boolean>;
  /** With all that belongs to it. */
  remove(id: string): Promise<void>;
  /** Removes up to `limit` pending accounts whose last code was asked for before `before`. @returns their ids. */
  removePending(before: Date, limit: number): Promise<readonly string[]>;
}

/** Writing many accounts: exists only within a transaction. */
export interface ImportedUsers {
  /** Leaves out those whose e-mail, phone or login another one has, also an earlier one of the same call. @returns the ids of the others. */
  insert(users: readonly { readonly user: User; readonly passwordHash: string }[]): Promise<ReadonlySet<string>>;
  /** For each, the first value that an account has: e-mail, phone, login. */
  clashes(values: readonly UniqueValues[]): Promise<readonly (UniqueField | undefined)[]>;
}

/** The names of all accounts that others may know: exists only within a transaction. */
export interface PublicProfiles {
  /** Of accounts that are or were active, by id, from behind the one with id `after`. */
  page(after: string | null, limit: number): Promise<readonly PublicProfile[]>;
  /** Has those from behind `after` published, soon after the commit. */
  publishLater(after: string | null): Promise<void>;
}
