import type { Actor } from '@stoa/auth';
import { accountNoticeRequested } from '@stoa/contracts';
import { waitForNextLink } from '../domain/account-link.ts';
import { profileChanged } from '../domain/profile.ts';
import type { User } from '../domain/user.ts';
import { errors } from '../errors.ts';
import { openAccountLink } from './open-account-link.ts';
import type { UsersTx } from './ports.ts';

/**
 * Has a link mailed to the address that an account is to get, and a notice to the one that it has. The account's row is locked.
 * @throws 429 `link_budget_spent`.
 */
export async function requestEmailChange(tx: UsersTx, user: User, email: string, now: Date, actor: Actor): Promise<void> {
  const waitMs = waitForNextLink(await tx.links.recent(user.id, ['confirm-email']), now);
  if (waitMs > 0) throw errors.link_budget_spent({ retryAfterSeconds: Math.ceil(waitMs / 1_000) });
  await tx.audit.append({ action: 'email-change-requested', actor, subject: user.id, at: now });
  await openAccountLink(tx, user, 'confirm-email', now, email);
  await notify(tx, user, 'email-change-requested', email, now);
}

/**
 * Gives an account its new address, sends the old one a notice, and makes all of its links void: they were mailed to the old one, or
 * confirm others. The account's row is locked.
 * @returns the account as it is now. @throws 409 `email_taken`.
 */
export async function changeEmail(tx: UsersTx, user: User, email: string, now: Date, actor: Actor): Promise<User> {
  const changed = profileChanged(user, { email }, now);
  await tx.users.save(changed);
  await tx.links.useUp(user.id, now);
  await tx.audit.append({ action: 'email-changed', actor, subject: user.id, at: now });
  await notify(tx, user, 'email-changed', email, now);
  return changed;
}

/** Sends a notice to the address that an account has got. */
export const notifyNewAddress = (tx: UsersTx, user: User, now: Date): Promise<void> => notify(tx, user, 'email-changed', user.email, now);

const notify = ({ outbox }: UsersTx, user: User, notice: 'email-change-requested' | 'email-changed', newEmail: string, now: Date) =>
  outbox.append(accountNoticeRequested, {
    userId: user.id,
    email: user.email,
    fullName: user.fullName,
    notice,
    occurredAt: now.toISOString(),
    newEmail,
    address: null,
    device: null,
  });
