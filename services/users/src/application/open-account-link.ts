import { accountLinkRequested } from '@stoa/contracts';
import { uuidv7 } from '@stoa/service';
import type { LinkPurpose } from '../domain/account-link.ts';
import type { User } from '../domain/user.ts';
import type { UsersTx } from './ports.ts';

/**
 * Stores one request for a link and has its mail sent, if the transaction commits. The account's row is locked, or new.
 * @param email the address to confirm, which the mail goes to: of the purpose `confirm-email` alone, whose earlier links it makes void.
 */
export async function openAccountLink(
  { links, outbox }: UsersTx,
  user: User,
  purpose: LinkPurpose,
  now: Date,
  email: string | null = null,
): Promise<void> {
  if (purpose === 'confirm-email') await links.useUp(user.id, now, ['confirm-email']);
  const id = uuidv7(now.getTime());
  await links.add({ id, userId: user.id, purpose, email, requestedAt: now, expiresAt: null, usedAt: null });
  await outbox.append(accountLinkRequested, {
    requestId: id,
    userId: user.id,
    email: email ?? user.email,
    fullName: user.fullName,
    purpose,
    requestedAt: now.toISOString(),
  });
}
