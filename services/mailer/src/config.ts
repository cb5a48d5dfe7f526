import { Type } from 'typebox';

export const mailerConfig = Type.Object({
  MAIL_URL: Type.String({
    pattern: '^(mailbox:|smtps?://[^/\\s]+/?(\\?\\S*)?)$',
    secret: true,
    expected: 'mailbox: (keeps mails here, to be read at /mailbox), smtp://user:password@host:587 or smtps://user:password@host:465',
    description: 'Where mails go: the local mailbox, or an SMTP server. Special characters of user and password percent-encoded.',
  }),
  MAIL_RATE_PER_SECOND: Type.Number({
    default: 1,
    minimum: 0.01,
    maximum: 1000,
    description: 'Mails that leave in a second, over all processes together; may be a fraction.',
  }),
  MAIL_FROM: Type.String({
    default: 'Stoa <no-reply@stoa.localhost>',
    pattern: '^([^<>@\\r\\n"]+ <[^<>@\\s]+@[^<>@\\s]+>|[^<>@\\s]+@[^<>@\\s]+)$',
    expected: 'an address like no-reply@example.com, or Name <no-reply@example.com>',
    description: 'The sender of every mail. An SMTP server accepts only domains it may send for.',
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
