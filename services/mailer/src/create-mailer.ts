import { serviceCredential } from '@stoa/auth';
import { createCaller, createCursors, problems } from '@stoa/http';
import { createServiceHttp, type ServiceDeps } from '@stoa/kit';
import { createMessaging, installDeadLetterRoutes } from '@stoa/messaging';
import type { Service } from '@stoa/service';
import type { MailerConfig } from './config.ts';
import { mailerErrors } from './errors.ts';
import { openMailbox } from './mailbox/open-mailbox.ts';
import { createCleanUp } from './mails/clean-up.ts';
import { mailsRoutes } from './mails/mails.routes.ts';
import { createResendMail } from './mails/resend-mail.ts';
import { createMailerMetrics } from './metrics.ts';
import { onAccountLinkRequested } from './on-account-link-requested.ts';
import { onAccountNoticeRequested } from './on-account-notice-requested.ts';
import { onActivationRequested } from './on-activation-requested.ts';
import { onUserDeleted } from './on-user-deleted.ts';
import { createRenderer } from './render.ts';
import { createUsersSecrets } from './secrets.ts';
import { type Sending, startSending } from './sending/start-sending.ts';
import type { MailerTables } from './tables.ts';
import { createSmtpTransport } from './transports/smtp-transport.ts';
import type { Transport } from './transports/transport.ts';

export type MailerDeps = Omit<ServiceDeps<MailerConfig, MailerTables>, 'limiter' | 'redis'>;

/** The whole service: an event comes in, a row waits in `mails`, a sender takes it to the transport. */
export async function createMailer(deps: MailerDeps): Promise<Service> {
  const { config, database, broker, log, metrics, derive, locate, clock, instanceId, runsBackgroundWork } = deps;
  const { MAIL_URL: url, MAIL_FROM: from, MAIL_RATE_PER_SECOND: ratePerSecond } = config;
  const connections = config.MAIL_CONNECTIONS ?? connectionsFor(ratePerSecond);
  const render = createRenderer(config.PUBLIC_URL);
  const domain = domainOf(from);
  const queueing = { database, render, domain };
  const consumers = [
    onActivationRequested(queueing),
    onAccountLinkRequested(queueing),
    onAccountNoticeRequested(queueing),
    onUserDeleted(),
  ];
  const cleanUp = createCleanUp({ retentionDays: config.MAIL_RETENTION_DAYS, clock });
  const messaging = createMessaging({
    service: 'mailer',
    database,
    broker,
    log,
    metrics,
    consumers,
    jobs: [cleanUp],
    crons: [{ job: cleanUp.name, everySeconds: 60 }],
    instanceId,
    runsBackgroundWork,
  });
  const secrets = createUsersSecrets(createCaller({ locate, credential: serviceCredential(derive, 'mailer') }));
  const mailerMetrics = createMailerMetrics(metrics, database);

  let transport: Transport | undefined;
  let sending: Sending | undefined;
  const health = async () => [
    ...(await Promise.all([database.health(), messaging.health()])).flat(),
    // Where nothing is sent, there is nothing to tell of it.
    ...(runsBackgroundWork ? [sending?.health() ?? { name: 'sender', background: true as const, ok: false, detail: 'not started' }] : []),
    ...(transport ? [transport.health()] : []),
  ];
  const http = await createServiceHttp(deps, {
    name: 'mailer',
    health,
    title: 'Stoa mailer',
    description: 'Sends the mails that other services ask for by their events, and keeps the local mailbox.',
    version: '1.0.0',
    errors: mailerErrors.catalogue,
    tags: { mails: 'Every mail, its state and its attempts.', mailbox: 'The mails that stayed on this machine (`MAIL_URL=mailbox:`).' },
  });
  mailsRoutes(http, { query: database.query, cursors: createCursors(derive), resendMail: createResendMail(database, domain, log) });
  installDeadLetterRoutes(http, messaging.deadLetters, problems);
  const mailbox = url === 'mailbox:' ? openMailbox({ http, database, log }) : undefined;

  async function send(): Promise<void> {
    transport = mailbox ? await mailbox.openTransport({ from, connections }) : createSmtpTransport({ url, from, connections });
    const pace = { ratePerSecond, connections };
    sending = await startSending({ database, transport, secrets, render, metrics: mailerMetrics, log, instanceId, ...pace });
  }

  return {
    name: 'mailer',
    http,
    health,
    async start() {
      await mailbox?.start();
      if (runsBackgroundWork) await send();
      await messaging.start();
    },
    async stop() {
      await messaging.stop();
      await sending?.stop();
      await transport?.close();
      await mailbox?.stop();
    },
  };
}

/** As many as are on their way at once if a mail takes two seconds. */
const connectionsFor = (ratePerSecond: number): number => Math.min(100, Math.max(10, Math.ceil(ratePerSecond * 2)));

const domainOf = (from: string): string => from.replace(/^.*@|>$/g, '');
