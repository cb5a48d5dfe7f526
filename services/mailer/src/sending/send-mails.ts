import { serviceCredential } from '@stoa/auth';
import { createCaller } from '@stoa/http';
import type { Part, ServiceContext } from '@stoa/kit';
import { connectionsOf, type MailerConfig } from '../config.ts';
import type { Mailbox } from '../mailbox/create-mailbox.ts';
import type { MailerMetrics } from '../metrics.ts';
import type { Renderer } from '../render.ts';
import { createUsersSecrets } from '../secrets.ts';
import type { MailerTables } from '../tables.ts';
import { guardTransport } from '../transports/guard-transport.ts';
import { createSmtpTransport } from '../transports/smtp-transport.ts';
import type { Transport } from '../transports/transport.ts';
import { type Sending, startSending } from './start-sending.ts';

interface SendMailsOptions {
  readonly render: Renderer;
  readonly metrics: MailerMetrics;
  /** Where mails go instead of an SMTP server. */
  readonly mailbox: Mailbox | undefined;
}

/** The part of the mailer that takes what is queued to the mailbox or an SMTP server. */
export function sendMails(
  { config, database, log, metrics, derive, locate, instanceId }: ServiceContext<MailerConfig, MailerTables>,
  { mailbox, ...options }: SendMailsOptions,
): Part {
  const { MAIL_URL: url, MAIL_FROM: from, MAIL_RATE_PER_SECOND: ratePerSecond } = config;
  const connections = connectionsOf(config);
  const secrets = createUsersSecrets(createCaller({ locate, credential: serviceCredential(derive, 'mailer') }));
  let transport: Transport | undefined;
  let sending: Sending | undefined;
  return {
    async start() {
      const opened = mailbox ? await mailbox.openTransport({ from, connections }) : createSmtpTransport({ url, from, connections });
      transport = guardTransport(opened, { connections, log, metrics });
      sending = await startSending({ ...options, database, transport, secrets, log, instanceId, ratePerSecond, connections });
    },
    async stop() {
      await sending?.stop();
      await transport?.close();
    },
    health: () => [
      sending?.health() ?? { name: 'sender', background: true, ok: false, detail: 'not started' },
      ...(transport ? [transport.health()] : []),
    ],
  };
}
