import type { ServiceDeps } from '@stoa/kit';
import type { Deployment, ServiceDefinition } from '@stoa/service';
import { checkSender, type MailerConfig, mailerConfig } from './config.ts';
import { createMailer } from './create-mailer.ts';
import type { MailerTables } from './tables.ts';

export type { MailerTables } from './tables.ts';

const deployment: Deployment = {
  api: { copies: 2, cpuMillis: 100, note: 'shows mails.' },
  worker: { note: 'sends mails, at a pace that all of them share (MAIL_RATE_PER_SECOND): more of them send no faster.' },
  calls: { users: 'the codes and links of its mails' },
  outside: { ports: [465, 587], purpose: 'Mails leave by SMTP.' },
  composeDefaults: { MAIL_URL: 'mailbox:' },
  configMap: { MAIL_FROM: 'no-reply@example.com', MAIL_RATE_PER_SECOND: '1' },
  secret: { name: 'stoa-mail', examples: { MAIL_URL: 'smtp://USER:PASSWORD@smtp.example.com:587' } },
};

/** E-mail: takes its work from the bus, sends in order and at a pace, and remembers what became of each mail. */
export const mailer: ServiceDefinition<ServiceDeps<MailerConfig, MailerTables>, typeof mailerConfig> = {
  name: 'mailer',
  config: mailerConfig,
  checkConfig: checkSender,
  permissions: ['mails:read', 'mails:resend'],
  migrations: new URL('../migrations/', import.meta.url),
  deployment,
  create: createMailer,
};
