import { activationRequested } from '@stoa/contracts';
import { consumer } from '@stoa/messaging';
import { plainName } from './plain-text.ts';
import { type QueueMailOptions, queueMail } from './queue-mail.ts';
import type { MailerTables } from './tables.ts';

/** A person who registered gets a welcome with the first code; one who asked again gets the new code alone. */
export const onActivationRequested = (options: QueueMailOptions) =>
  consumer<MailerTables, typeof activationRequested.schema>({
    name: 'on-activation-requested',
    event: activationRequested,
    handle: (tx, { requestId, userId, email, fullName, reason }, cause) => {
      const template = reason === 'registration' ? 'welcome' : 'activation-code';
      return queueMail(tx, { template, recipient: email, userId, data: { name: plainName(fullName) }, requestId, cause }, options);
    },
  });
