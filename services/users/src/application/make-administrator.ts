import { type Clock, uuidv7 } from '@stoa/service';
import { LINK_LIFE_MS } from '../domain/account-link.ts';
import { appointed, isInvited, newAdministrator } from '../domain/administrator.ts';
import { parseEmailAddress } from '../domain/email-address.ts';
import { parsePassword } from '../domain/password-rules.ts';
import { activated, codeRequested, type User } from '../domain/user.ts';
import { refusedFields } from '../errors.ts';
import type { UserReader } from './account-ports.ts';
import type { LinkTokens, Passwords } from './credential-ports.ts';
import type { InTransaction, UsersTx } from './ports.ts';

export interface MakeAdministratorPorts {
  readonly users: UserReader;
  readonly passwords: Passwords;
  readonly inTransaction: InTransaction;
  readonly linkTokens: LinkTokens;
  readonly clock: Clock;
  readonly commonPasswords: () => Promise<(lowerCased: string) => boolean>;
}

export type MadeAdministrator = { readonly email: string } & (
  | { readonly outcome: 'created' }
  /** Without a password: `token` is of the link that sets it. */
  | { readonly outcome: 'invited'; readonly token: string; readonly expiresAt: Date }
  /** An account that was there and keeps its password; `isChanged` is false when it was a protected administrator before. */
  | { readonly outcome: 'appointed'; readonly isChanged: boolean }
  /** It is unknown whether the person who registered it is the intended one. */
  | { readonly outcome: 'refused'; readonly status: 'pending' | 'blocked' }
);

export type MakeAdministrator = (email: string, password: string | undefined) => Promise<MadeAdministrator>;

/**
 * Makes a protected administrator for the operator: a new account, or one that is active already. A new one without a
 * password is pending until the link is used; asked again, it gets another link, or the password, and the earlier link is void.
 * @throws 400 `validation_failed`; 409 `email_taken` when the address was registered at the same moment.
 */
export function createMakeAdministrator(ports: MakeAdministratorPorts): MakeAdministrator {
  const { users, passwords, inTransaction, linkTokens, clock, commonPasswords } = ports;

  const hashOf = async (text: string, email: string) => {
    const parsed = parsePassword(text, { email, limit: passwords.limit, isCommon: await commonPasswords() });
    if (!('value' in parsed)) throw refusedFields(parsed.refused.map((message) => ({ field: 'password', message })));
    return await passwords.hash(parsed.value, new AbortController().signal);
  };

  async function linkFor({ links }: UsersTx, user: User, now: Date) {
    await links.useUp(user.id, now);
    const id = uuidv7(now.getTime());
    const { token, digest } = linkTokens.make(id);
    const expiresAt = new Date(now.getTime() + LINK_LIFE_MS['set-password']);
    await links.add({ id, userId: user.id, purpose: 'set-password', email: null, requestedAt: now, expiresAt: null, usedAt: null });
    await links.keep(id, digest, expiresAt);
    return { outcome: 'invited', token, expiresAt } as const;
  }

  return async (typed, password) => {
    const parsed = parseEmailAddress(typed);
    if (!('value' in parsed)) throw refusedFields(parsed.refused.map((message) => ({ field: 'email', message })));
    const email = parsed.value;
    const known = await users.findAccount('email', email);
    const isOurs = known === undefined || isInvited(known.user, known.passwordHash);
    const passwordHash = password !== undefined && isOurs ? await hashOf(password, email) : undefined;
    const now = clock.now();

    const made = await inTransaction(async (tx) => {
      await tx.administrators.lock();
      const by = { actor: 'command-line', at: now } as const;
      const account = known && (await tx.users.lockAccount(known.user.id));
      if (account === undefined || isInvited(account.user, account.passwordHash)) {
        const status = passwordHash === undefined ? 'pending' : 'active';
        const user = account
          ? appointed(account.user, now)
          : newAdministrator(uuidv7(now.getTime()), { email, fullName: null, status }, now);
        if (account === undefined) await tx.users.insert(user, passwordHash ?? null);
        else if (passwordHash === undefined) await tx.users.save(codeRequested(user, now));
        else {
          await tx.users.save(activated(user, now));
          await tx.users.setPassword(user.id, passwordHash);
          await tx.links.useUp(user.id, now);
        }
        await tx.setUpCodes.removeAll();
        await tx.audit.append({ action: 'administrator-created', ...by, subject: user.id, details: { status } });
        return passwordHash === undefined ? await linkFor(tx, user, now) : ({ outcome: 'created' } as const);
      }
      const { user } = account;
      if (user.status !== 'active') return { outcome: 'refused', status: user.status } as const;
      const better = appointed(user, now);
      if (better !== user) {
        await tx.users.save(better);
        if (better.tokenVersion > user.tokenVersion) await tx.revocations.revokeOlderThan(user.id, better.tokenVersion, now);
        await tx.setUpCodes.removeAll();
        await tx.audit.append({ action: 'administrator-appointed', ...by, subject: user.id });
      }
      return { outcome: 'appointed', isChanged: better !== user } as const;
    });
    return { email, ...made };
  };
}
