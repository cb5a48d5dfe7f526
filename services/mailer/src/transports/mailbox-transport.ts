import type { Logger } from '@stoa/service';
import type { MailboxStore } from '../mailbox/mailbox-store.ts';
import { startSmtpMailbox } from '../mailbox/smtp-mailbox.ts';
import { createSmtpTransport } from './smtp-transport.ts';
import type { Transport } from './transport.ts';

export interface MailboxTransportOptions {
  readonly store: Pick<MailboxStore, 'add'>;
  readonly from: string;
  readonly connections: number;
  readonly log: Logger;
}

/** The local mailbox by the way that mails take everywhere else: SMTP. */
export async function startMailboxTransport({ store, log, ...options }: MailboxTransportOptions): Promise<Transport> {
  const mailbox = await startSmtpMailbox(store, log);
  const transport = createSmtpTransport({ ...options, url: mailbox.url });
  return {
    ...transport,
    name: 'mailbox',
    health: () => ({ ...transport.health(), name: 'mailbox' }),
    async close() {
      await transport.close();
      await mailbox.close();
    },
  };
}
