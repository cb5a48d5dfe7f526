import type { ServiceDefinition } from '@stoa/service';
import { checkSender, mailerConfig } from './config.ts';
import { createMailer, type MailerDeps } from './create-mailer.ts';

export type { MailerDeps } from './create-mailer.ts';
export type { MailerTables } from './tables.ts';

/** E-mail: takes its work from the bus, sends in order and at a pace, and remembers what became of each mail. */
export const mailer: ServiceDefinition<MailerDeps, typeof mailerConfig> = {
  name: 'mailer',
  config: mailerConfig,
  checkConfig: checkSender,
  migrations: new URL('../migrations/', import.meta.url),
  create: createMailer,
};
