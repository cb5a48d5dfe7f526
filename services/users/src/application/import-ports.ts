import type { User } from '../domain/user.ts';

type Unique = Pick<User, 'email' | 'phone' | 'login'>;

/** Writing many accounts: exists only within a transaction. */
export interface ImportedUsers {
  /** Leaves out whose e-mail, phone or login another account has, an earlier one of the same call among them. @returns the ids of the others. */
  insert(users: readonly { readonly user: User; readonly passwordHash: string }[]): Promise<ReadonlySet<string>>;
  /** For each, the first value that an account has: e-mail, phone, login. */
  clashes(values: readonly Unique[]): Promise<readonly (keyof Unique | undefined)[]>;
}
