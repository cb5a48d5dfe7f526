import type { Clock } from '@stoa/service';
import { PASSWORD_PURPOSES } from '../domain/account-link.ts';
import { parsePassword } from '../domain/password-rules.ts';
import { activated } from '../domain/user.ts';
import { refusedFields } from '../errors.ts';
import type { LinkReader, LinkTokens, Passwords } from './credential-ports.ts';
import { withDeadline } from './deadline.ts';
import type { InTransaction, KeyedMutex } from './ports.ts';
import { findOpenLink, lockOpenLink } from './redeem-link.ts';

export interface ConfirmPasswordResetPorts {
  readonly linkTokens: LinkTokens;
  readonly linkReader: LinkReader;
  readonly passwords: Passwords;
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
  readonly keyedMutex: KeyedMutex;
  readonly commonPasswords: () => Promise<(lowerCased: string) => boolean>;
}

export type ConfirmPasswordReset = (token: string, password: string, signal: AbortSignal) => Promise<void>;

/**
 * Sets the password of the account that the link was mailed to, and ends all that was begun with the previous one: sessions, access
 * tokens, other links. The holder of the link has the address, so a pending account becomes active by it, and the person who registered it
 * no longer knows its password. Parallel requests with one token wait for each other here, so that a used link costs no hash.
 * @throws 400 `link_invalid`; 410 `link_expired`; 400 `validation_failed`, which leaves the link as it was; 503 `hashing_busy`.
 */
export function createConfirmPasswordReset(ports: ConfirmPasswordResetPorts): ConfirmPasswordReset {
  const { passwords, inTransaction, clock, keyedMutex, commonPasswords } = ports;
  return async (token, text, signal) => {
    const reset = async (signal: AbortSignal) => {
      const now = clock.now();
      const open = await findOpenLink(ports, token, PASSWORD_PURPOSES, now);
      const { email, login } = open.user;
      const rules = { email, login: login ?? undefined, limit: passwords.limit, isCommon: await commonPasswords() };
      const parsed = parsePassword(text, rules);
      if (!('value' in parsed)) throw refusedFields(parsed.refused.map((message) => ({ field: 'password', message })));
      const passwordHash = await passwords.hash(parsed.value, signal);

      await inTransaction(async (tx) => {
        const { user } = await lockOpenLink(tx, open, now);
        const by = { actor: `user:${user.id}`, subject: user.id, at: now } as const;
        const tokenVersion = user.tokenVersion + 1;
        await tx.users.save({ ...(user.status === 'pending' ? activated(user, now) : user), tokenVersion });
        await tx.users.setPassword(user.id, passwordHash);
        await tx.sessions.endAll(user.id, 'password-changed', now);
        await tx.revocations.revokeOlderThan(user.id, tokenVersion, now);
        await tx.links.useUp(user.id, now);
        await tx.audit.append({ action: 'password-reset', ...by, details: { by: open.link.purpose } });
        if (user.status === 'pending') await tx.audit.append({ action: 'user-activated', ...by, details: { by: open.link.purpose } });
      });
    };
    await withDeadline(signal, (deadline) => keyedMutex([`link:${token}`], () => reset(deadline), deadline));
  };
}
