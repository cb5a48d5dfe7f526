import type { Clock } from '@stoa/service';
import { parseEmailAddress } from '../domain/email-address.ts';
import { parseLogin } from '../domain/login.ts';
import type { Parsed } from '../domain/parsed.ts';
import { normalizePassword } from '../domain/password-rules.ts';
import { parsePhoneNumber } from '../domain/phone-number.ts';
import { invalidCredentials } from '../errors.ts';
import type { Account, UniqueField, UserReader } from './account-ports.ts';
import type { Passwords } from './credential-ports.ts';
import type { InTransaction } from './ports.ts';

/** The account that a caller claims to have. */
export interface Claimed {
  /** What failures are counted by: the account, or what was typed where there is none. */
  readonly key: string;
  readonly account: Account | undefined;
}

export interface Authenticator {
  /** @param identifier as typed: an e-mail address, or with `any` a login or phone number too. */
  identify(identifier: string, by: 'email' | 'any'): Promise<Claimed>;
  /**
   * Checks the password, at the same cost whether there is an account or not; failures are audited.
   * @returns the account as it was when its password was right. @throws 401 `invalid_credentials`; 503 `hashing_busy`.
   */
  verify(claimed: Claimed, password: string, signal: AbortSignal): Promise<Account>;
}

export interface AuthenticatorPorts {
  readonly users: UserReader;
  readonly passwords: Passwords;
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
  readonly defaultRegion: string | undefined;
}

export function createAuthenticator({ users, passwords, inTransaction, clock, defaultRegion }: AuthenticatorPorts): Authenticator {
  /** No two kinds look alike: a login has no @ and begins with a letter. */
  function read(identifier: string, by: 'email' | 'any'): [UniqueField, Parsed<string>] {
    if (by === 'email' || identifier.includes('@')) return ['email', parseEmailAddress(identifier)];
    if (/^\p{L}/u.test(identifier.trim())) return ['login', parseLogin(identifier.trim())];
    return ['phone', parsePhoneNumber(identifier, defaultRegion)];
  }

  return {
    async identify(identifier, by) {
      const [field, parsed] = read(identifier, by);
      if (!('value' in parsed)) return { key: `unreadable:${identifier.trim().toLowerCase().slice(0, 320)}`, account: undefined };
      const account = await users.findAccount(field, parsed.value);
      return { key: account?.user.id ?? `${field}:${parsed.value}`, account };
    },
    async verify({ account }, password, signal) {
      const matches = await passwords.verify(normalizePassword(password), account?.passwordHash ?? undefined, signal);
      if (account !== undefined && matches) return account;
      const subject = account?.user.id ?? null;
      await inTransaction((tx) => tx.audit.append({ action: 'log-in-failed', actor: 'anonymous', subject, at: clock.now() }));
      throw invalidCredentials();
    },
  };
}
