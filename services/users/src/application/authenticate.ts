import { parseEmailAddress } from '../domain/email-address.ts';
import { normalizePassword } from '../domain/password-rules.ts';
import type { User } from '../domain/user.ts';
import { invalidCredentials } from '../errors.ts';
import type { Passwords, UserReader } from './ports.ts';

export interface Credentials {
  /** As typed: an e-mail address in any letter case. */
  readonly userId: string;
  readonly password: string;
}

export type Authenticate = (credentials: Credentials, signal: AbortSignal) => Promise<User>;

/**
 * Finds the account whose e-mail address and password these are, at the same cost whether there is one or not.
 * @throws 401 `invalid_credentials`; 503 `hashing_busy`.
 */
export const createAuthenticate =
  ({ users, passwords }: { users: UserReader; passwords: Passwords }): Authenticate =>
  async ({ userId, password }, signal) => {
    const email = parseEmailAddress(userId);
    const account = 'value' in email ? await users.findWithPassword(email.value) : undefined;
    const matches = await passwords.verify(normalizePassword(password), account?.passwordHash, signal);
    if (account === undefined || !matches) throw invalidCredentials();
    return account.user;
  };
