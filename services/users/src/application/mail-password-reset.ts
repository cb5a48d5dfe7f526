import type { Clock } from '@stoa/service';
import { PASSWORD_PURPOSES, waitForNextLink } from '../domain/account-link.ts';
import { openAccountLink } from './open-account-link.ts';
import type { UsersTx } from './ports.ts';

export type MailPasswordReset = (tx: UsersTx, userId: string | null) => Promise<void>;

/**
 * The part of a request for a new password that differs by account, done after its answer: no link without an account, for a blocked one,
 * or for one that had five in the hour. A pending account gets one too: it proves the address as a code does.
 */
export const createMailPasswordReset =
  ({ clock }: { clock: Clock }): MailPasswordReset =>
  async (tx, userId) => {
    const account = userId === null ? undefined : await tx.users.lockAccount(userId);
    if (account === undefined || account.user.status === 'blocked') return;
    const { user, passwordHash } = account;
    const now = clock.now();
    if (waitForNextLink(await tx.links.recent(user.id, PASSWORD_PURPOSES), now) > 0) return;
    await openAccountLink(tx, user, passwordHash === null ? 'set-password' : 'reset-password', now);
  };
