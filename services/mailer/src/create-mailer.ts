import { serviceCredential } from '@stoa/auth';
import { createCaller, createHttp, type Locate } from '@stoa/http';
import { type Broker, createMessaging } from '@stoa/messaging';
import type { Database } from '@stoa/postgres';
import type { DeriveKey, Logger, Metrics, Service } from '@stoa/service';
import { createUsersActivationCodes } from './activation-codes.ts';
import type { MailerConfig } from './config.ts';
import { mailerErrors } from './errors.ts';
import { openMailbox } from './mailbox/open-mailbox.ts';
import { createMailerMetrics } from './metrics.ts';
import { onActivationRequested } from './on-activation-requested.ts';
import { createRenderer } from './render.ts';
import { type Sending, startSending } from './sending/start-sending.ts';
import type { MailerTables } from './tables.ts';
import { createSmtpTransport } from './transports/smtp-transport.ts';
import type { Transport } from './transports/transport.ts';

export interface MailerDeps {
  readonly config: MailerConfig;
  readonly database: Database<MailerTables>;
  readonly broker: Broker;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly derive: DeriveKey;
  readonly locate: Locate;
  readonly instanceId: string;
}

/** The whole service: an event comes in, a row waits in `mails`, a sender takes it to the transport. */
export async function createMailer({ config, database, broker, log, metrics, derive, locate, instanceId }: MailerDeps): Promise<Service> {
  const { MAIL_URL: url, MAIL_FROM: from, MAIL_RATE_PER_SECOND: ratePerSecond } = config;
  const connections = config.MAIL_CONNECTIONS ?? connectionsFor(ratePerSecond);
  const render = createRenderer();
  const consumers = [onActivationRequested({ render, domain: domainOf(from) })];
  const messaging = createMessaging({ service: 'mailer', database, broker, log, metrics, consumers, jobs: [], crons: [], instanceId });
  const codes = createUsersActivationCodes(createCaller({ locate, credential: serviceCredential(derive, 'mailer') }));
  const mailerMetrics = createMailerMetrics(metrics, database);

  let transport: Transport | undefined;
  let sending: Sending | undefined;
  const health = async () => [
    await database.health(),
    ...(await messaging.health()),
    sending?.health() ?? { name: 'sender', background: true as const, ok: false, detail: 'not started' },
    ...(transport ? [transport.health()] : []),
  ];
  const http = await createHttp({
    name: 'mailer',
    title: 'Stoa mailer',
    description: 'Sends the mails that other services ask for by their events, and keeps the local mailbox.',
    version: '1.0.0',
    log,
    metrics,
    errors: mailerErrors.catalogue,
    health,
  });
  const mailbox = url === 'mailbox:' ? openMailbox({ http, database, log }) : undefined;

  return {
    name: 'mailer',
    http,
    health,
    async start() {
      await mailbox?.start();
      transport = mailbox ? await mailbox.openTransport({ from, connections }) : createSmtpTransport({ url, from, connections });
      sending = await startSending({
        database,
        transport,
        codes,
        render,
        metrics: mailerMetrics,
        log,
        instanceId,
        ratePerSecond,
        connections,
      });
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
