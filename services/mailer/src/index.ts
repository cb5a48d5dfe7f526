import type { ServiceDeps } from '@stoa/kit';
import type { ServiceDefinition } from '@stoa/service';
import { checkSender, type MailerConfig, mailerConfig } from './config.ts';
import { createMailer } from './create-mailer.ts';
import type { MailerTables } from './tables.ts';

export type { MailerTables } from './tables.ts';

/** E-mail: takes its work from the bus, sends in order and at a pace, and remembers what became of each mail. */
export const mailer: ServiceDefinition<ServiceDeps<MailerConfig, MailerTables>, typeof mailerConfig> = {
  name: 'mailer',
  config: mailerConfig,
  checkConfig: checkSender,
  permissions: ['mails:read', 'mails:resend'],
  migrations: new URL('../migrations/', import.meta.url),
  create: createMailer,
};
