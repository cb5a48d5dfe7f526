import type { User, UserStatus } from '../domain/user.ts';
import type { UserSearch } from '../domain/user-search.ts';

export interface UserFilter {
  readonly search?: UserSearch | undefined;
  readonly status?: UserStatus | undefined;
  readonly role?: string | undefined;
}

/** What is shown of an account, and the version that it is shown in. */
export type Profile = Pick<User, 'id' | 'email' | 'login' | 'phone' | 'fullName' | 'status' | 'roles' | 'createdAt' | 'version'>;

export type ReadProfile = (id: string) => Promise<Profile | undefined>;

/** How a text is found: it begins an address, login or number; it is a part of one or of a name; it is spelt alike. */
export type Match = 'begins' | 'part' | 'alike';

export interface UserListPage {
  readonly limit: number;
  /** The last account of the page before, and how it was found. */
  readonly after?: { readonly id: string; readonly match: Match } | undefined;
}

/** Accounts, newest first: those that match the closest way in which any does. */
export type ListUsers = (filter: UserFilter, page: UserListPage) => Promise<{ readonly users: readonly User[]; readonly match: Match }>;
