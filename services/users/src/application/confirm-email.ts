import type { Clock } from '@stoa/service';
import type { LinkReader, LinkTokens } from './credential-ports.ts';
import { changeEmail } from './email-change.ts';
import type { InTransaction } from './ports.ts';
import { findOpenLink, lockOpenLink } from './redeem-link.ts';

export interface ConfirmEmailPorts {
  readonly linkTokens: LinkTokens;
  readonly linkReader: LinkReader;
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
}

export type ConfirmEmail = (token: string) => Promise<void>;

/**
 * Gives the account the address that the link was mailed to, if nobody else has it by now; the link then stays as it was.
 * @throws 400 `link_invalid`; 410 `link_expired`; 409 `email_taken`.
 */
export const createConfirmEmail =
  (ports: ConfirmEmailPorts): ConfirmEmail =>
  async (token) => {
    const now = ports.clock.now();
    const open = await findOpenLink(ports, token, ['confirm-email'], now);
    await ports.inTransaction(async (tx) => {
      const { user } = await lockOpenLink(tx, open, now);
      // Each link of this purpose has one.
      await changeEmail(tx, user, open.link.email as string, now, `user:${user.id}`);
    });
  };
