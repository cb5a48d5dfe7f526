import { accountLinkRequested } from '@stoa/contracts';
import { consumer } from '@stoa/messaging';
import { plainName } from './plain-text.ts';
import { type QueueMailOptions, queueMail } from './queue-mail.ts';
import type { MailerTables } from './tables.ts';

/** The templates are called after the purposes, and so are the pages that their links lead to. */
export const onAccountLinkRequested = (options: QueueMailOptions) =>
  consumer<MailerTables, typeof accountLinkRequested.schema>({
    name: 'on-account-link-requested',
    event: accountLinkRequested,
    handle: (tx, { requestId, userId, email, fullName, purpose }, cause) =>
      queueMail(tx, { template: purpose, recipient: email, userId, data: { name: plainName(fullName) }, requestId, cause }, options),
  });
