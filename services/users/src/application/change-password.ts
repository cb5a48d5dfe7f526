import type { Clock } from '@stoa/service';
import { parsePassword } from '../domain/password-rules.ts';
import { invalidCredentials, refusedFields, tokenInvalid } from '../errors.ts';
import type { UserReader } from './account-ports.ts';
import type { Authenticator } from './authenticate.ts';
import type { Passwords } from './credential-ports.ts';
import type { InTransaction } from './ports.ts';

export interface ChangePasswordPorts {
  readonly users: UserReader;
  readonly authenticator: Authenticator;
  readonly passwords: Passwords;
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
  readonly commonPasswords: () => Promise<(lowerCased: string) => boolean>;
}

/** A person, and the session of their request. */
export interface InSession {
  readonly id: string;
  readonly sessionId: string;
}

export type ChangePassword = (by: InSession, currentPassword: string, newPassword: string, signal: AbortSignal) => Promise<void>;

/**
 * Sets another password for a person who knows the current one. The other sessions end, and the account's links are void: a thief
 * of either may be why it is changed. The session of the request goes on; one that was ended meanwhile changes nothing.
 * @throws 401 `invalid_credentials`; 400 `validation_failed`; 401 `token_invalid`; 503 `hashing_busy`.
 */
export function createChangePassword(ports: ChangePasswordPorts): ChangePassword {
  const { users, authenticator, passwords, inTransaction, clock, commonPasswords } = ports;
  return async ({ id, sessionId }, currentPassword, newPassword, signal) => {
    const known = await users.findAccount('id', id);
    const { user, passwordVersion } = await authenticator.verify({ key: id, account: known }, currentPassword, signal);
    const { email, login } = user;
    const rules = { email, login: login ?? undefined, limit: passwords.limit, isCommon: await commonPasswords() };
    const parsed = parsePassword(newPassword, rules);
    if (!('value' in parsed)) throw refusedFields(parsed.refused.map((message) => ({ field: 'newPassword', message })));
    const passwordHash = await passwords.hash(parsed.value, signal);

    await inTransaction(async (tx) => {
      const account = await tx.users.lockAccount(id);
      const now = clock.now();
      if (account?.user.status !== 'active' || !(await tx.sessions.lockLive(sessionId, id, now))) throw tokenInvalid();
      if (account.passwordVersion !== passwordVersion) throw invalidCredentials();
      await tx.users.setPassword(id, passwordHash);
      const sessions = await tx.sessions.endAll(id, 'password-changed', now, { except: sessionId });
      await tx.links.useUp(id, now);
      await tx.audit.append({ action: 'password-changed', actor: `user:${id}`, subject: id, at: now, details: { sessions } });
    });
  };
}
