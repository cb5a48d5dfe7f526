import type { Clock } from '@stoa/service';
import { LINK_LIFE_MS, mayBeMailed } from '../domain/account-link.ts';
import { codeRequested } from '../domain/user.ts';
import { errors } from '../errors.ts';
import type { LinkTokens } from './credential-ports.ts';
import type { InTransaction } from './ports.ts';

export interface MintAccountLinkPorts {
  readonly linkTokens: LinkTokens;
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
}

export interface MintedLink {
  readonly token: string;
  readonly expiresInSeconds: number;
}

export type MintAccountLink = (requestId: string) => Promise<MintedLink>;

/**
 * Makes the token of a link at the moment its mail leaves, which starts its life. Asked again, as after a mail that failed, it
 * gives the same token and starts its life anew. A pending account lives as long as a link that was mailed to it.
 * @throws 410 `account_link_gone` when it is used or void, or older than a day, or its account is gone or blocked.
 */
export const createMintAccountLink =
  ({ linkTokens, inTransaction, clock }: MintAccountLinkPorts): MintAccountLink =>
  (requestId) =>
    inTransaction(async ({ links, users }) => {
      const asked = await links.find(requestId);
      const user = asked && (await users.lock(asked.userId));
      // Once more under the lock: it may have been used up meanwhile.
      const link = user && (await links.find(requestId));
      const now = clock.now();
      if (user === undefined || link === undefined || !mayBeMailed(link, user, now)) throw errors.account_link_gone();
      const { token, digest } = linkTokens.make(requestId);
      const lifeMs = LINK_LIFE_MS[link.purpose];
      await links.keep(requestId, digest, new Date(now.getTime() + lifeMs));
      if (user.status === 'pending') await users.save(codeRequested(user, now));
      return { token, expiresInSeconds: lifeMs / 1_000 };
    });
