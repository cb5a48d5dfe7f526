import { type AccountLink, type LinkPurpose, stateOf } from '../domain/account-link.ts';
import type { User } from '../domain/user.ts';
import { errors } from '../errors.ts';
import type { Account } from './account-ports.ts';
import type { LinkReader, LinkTokens } from './credential-ports.ts';
import type { UsersTx } from './ports.ts';

/** A link that works, and its account as it is. */
export interface OpenLink {
  readonly link: AccountLink;
  readonly user: User;
}

/**
 * The link of a token, before anything is done with it.
 * @throws 400 `link_invalid`; 410 `link_expired`.
 */
export async function findOpenLink(
  { linkTokens, linkReader }: { readonly linkTokens: LinkTokens; readonly linkReader: LinkReader },
  token: string,
  purposes: readonly LinkPurpose[],
  now: Date,
): Promise<OpenLink> {
  const digest = linkTokens.digestOf(token);
  const found = digest && (await linkReader.findByDigest(digest));
  if (found === undefined || !purposes.includes(found.link.purpose)) throw errors.link_invalid();
  requireOpen(found.link, found.user, now);
  return found;
}

/**
 * The same once more under the lock of the account's row: of parallel requests with a token, one finds it open. The caller then uses
 * up the links of the account.
 * @throws as above.
 */
export async function lockOpenLink({ users, links }: UsersTx, { link, user }: OpenLink, now: Date): Promise<Account> {
  const account = await users.lockAccount(user.id);
  const current = account && (await links.find(link.id));
  if (account === undefined || current === undefined) throw errors.link_invalid();
  requireOpen(current, account.user, now);
  return account;
}

function requireOpen(link: AccountLink, user: User, now: Date): void {
  switch (stateOf(link, user, now)) {
    case 'open':
      return;
    case 'expired':
      throw errors.link_expired();
    case 'invalid':
      throw errors.link_invalid();
  }
}
