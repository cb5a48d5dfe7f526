import { ConfigError } from '@stoa/service';
import { type Static, Type } from 'typebox';

/** For the mailbox alone: nobody may send for `.localhost`. */
const MAILBOX_FROM = 'Stoa <no-reply@stoa.localhost>';
const AN_ADDRESS = 'an address like no-reply@example.com, or Name <no-reply@example.com>';

export const mailerConfig = Type.Object({
  MAIL_URL: Type.String({
    pattern: '^(mailbox:|smtps?://[^/\\s]+/?(\\?\\S*)?)$',
    secret: true,
    expected: 'mailbox: (keeps mails here, to be read at /mailbox), smtp://user:password@host:587 or smtps://user:password@host:465',
    description: 'Where mails go: the local mailbox, or an SMTP server. Special characters of user and password percent-encoded.',
  }),
  PUBLIC_URL: Type.String({
    pattern: '^https?://[^/\\s]+$',
    expected: 'an address like https://api.example.com, without a path',
    description: 'Where people reach the gateway; links in mails begin with it.',
  }),
  MAIL_RATE_PER_SECOND: Type.Number({
    default: 1,
    minimum: 0.01,
    maximum: 1000,
    description: 'Mails that leave in a second, over all processes together; may be a fraction.',
  }),
  MAIL_FROM: Type.String({
    default: MAILBOX_FROM,
    pattern: '^([^<>@\\r\\n"]+ <[^<>@\\s]+@[^<>@\\s]+>|[^<>@\\s]+@[^<>@\\s]+)$',
    expected: AN_ADDRESS,
    description: 'The sender of every mail; required with an SMTP server, which accepts only domains it may send for.',
  }),
  MAIL_RETENTION_DAYS: Type.Integer({
    default: 90,
    minimum: 1,
    maximum: 3_650,
    description: 'How long mails that reached their end are kept, with the attempts to send them.',
  }),
  MAIL_CONNECTIONS: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 200,
      description:
        'Most mails on their way at once, and so SMTP connections, in one process; by default what the rate needs if a mail takes two seconds.',
    }),
  ),
});

export type MailerConfig = Static<typeof mailerConfig>;

/** @throws ConfigError when mails would go to a real server under the mailbox's sender, and be refused there. */
export function checkSender({ MAIL_URL, MAIL_FROM }: MailerConfig): void {
  if (MAIL_URL === 'mailbox:' || MAIL_FROM !== MAILBOX_FROM) return;
  throw new ConfigError([{ variable: 'MAIL_FROM', expected: `${AN_ADDRESS}, from a domain that the SMTP server sends for` }]);
}

/** How many mails may be on their way at once: by default as many as are if a mail takes two seconds. */
export const connectionsOf = ({ MAIL_CONNECTIONS, MAIL_RATE_PER_SECOND }: MailerConfig): number =>
  MAIL_CONNECTIONS ?? Math.min(100, Math.max(10, Math.ceil(MAIL_RATE_PER_SECOND * 2)));

/** The domain of the Message-IDs. */
export const senderDomain = ({ MAIL_FROM }: MailerConfig): string => MAIL_FROM.replace(/^.*@|>$/g, '');
