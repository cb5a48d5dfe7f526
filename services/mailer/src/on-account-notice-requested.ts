import { accountNoticeRequested } from '@stoa/contracts';
import { consumer } from '@stoa/messaging';
import { deviceName } from './device-name.ts';
import { plainName, plainText } from './plain-text.ts';
import { type QueueMailOptions, queueMail } from './queue-mail.ts';
import type { MailerTables } from './tables.ts';

/** An address is at most 254 characters long (RFC 5321 §4.5.3.1.3). */
const LONGEST = 254;

/** Tells a person what happened to the account. The templates are called after the notices. */
export const onAccountNoticeRequested = (options: QueueMailOptions) =>
  consumer<MailerTables, typeof accountNoticeRequested.schema>({
    name: 'on-account-notice-requested',
    event: accountNoticeRequested,
    handle: (tx, { userId, email, fullName, notice, occurredAt, newEmail, address, device }, cause) => {
      const mail = { recipient: email, userId, cause };
      const said = { name: plainName(fullName), when: momentOf(occurredAt) };
      switch (notice) {
        case 'email-change-requested':
        case 'email-changed':
          return queueMail(tx, { ...mail, template: notice, data: { ...said, newEmail: plainText(newEmail, LONGEST) } }, options);
        case 'new-device': {
          const data = { ...said, address: plainText(address, LONGEST), device: deviceName(device) };
          return queueMail(tx, { ...mail, template: notice, data }, options);
        }
      }
    },
  });

const format = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });

/** `21 November 2026 at 09:00 UTC`: the person may be anywhere. */
const momentOf = (time: string): string => `${format.format(new Date(time))} UTC`;
