import { randomUUID } from 'node:crypto';
import { migrationSourcesOf } from '@stoa/kit';
import { createDatabase, type Database } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import { createContext, createLog, createMetrics, uuidv7 } from '@stoa/service';
import type { Heartbeats } from '@stoa/tasks';
import { FAST_HEARTBEATS } from '@stoa/tasks/testing/fast-heartbeats';
import { mailer } from '../index.ts';
import { createMailerMetrics } from '../metrics.ts';
import { queueMail } from '../queue-mail.ts';
import { createRenderer } from '../render.ts';
import { type Sending, startSending } from '../sending/start-sending.ts';
import type { MailerTables } from '../tables.ts';
import { guardTransport } from '../transports/guard-transport.ts';
import { createSmtpTransport } from '../transports/smtp-transport.ts';
import { fakeSecrets } from './fake-secrets.ts';
import { createScriptedSmtp } from './scripted-smtp.ts';

const log = createLog({ level: 'silent' });
const render = createRenderer('https://stoa.test');

interface SenderSettings {
  readonly ratePerSecond?: number;
  readonly connections?: number;
  readonly instanceId?: string;
  readonly heartbeats?: Heartbeats;
  /** What the sender sees of its database. */
  readonly wrap?: (database: Database<MailerTables>) => Database<MailerTables>;
  /** How long the mail server may say nothing. */
  readonly silenceMs?: number;
}

/** A mailer's database with a scripted mail server behind it, and as many senders as a test starts. */
export async function sendingFixture() {
  const { database, url, ...rest } = await testDatabase<MailerTables>({ sources: migrationSourcesOf(mailer) });
  const dispose = rest[Symbol.asyncDispose];
  const smtp = await createScriptedSmtp();
  const users = fakeSecrets();
  const running = new Set<() => Promise<void>>();

  return {
    database,
    url,
    smtp,
    users,
    /** Queues mails in the given order, each in its own transaction. @returns their recipients and requests. */
    async queue(count: number, name: string | null = null, owner?: string, template: 'welcome' | 'reset-password' = 'welcome') {
      const mails = Array.from({ length: count }, () => ({
        recipient: `${randomUUID()}@example.com`,
        userId: randomUUID(),
        requestId: randomUUID(),
      }));
      for (const mail of mails) {
        const request = { template, data: { name }, cause: { id: uuidv7(), ...createContext() }, ...mail } as const;
        await database.transaction(async (tx) => {
          await queueMail(tx, request, { database, render, domain: 'stoa.test' });
          if (owner) await tx.updateTable('mails').set({ status: 'sending', owner }).where('recipient', '=', mail.recipient).execute();
        });
      }
      return mails;
    },
    /** One mail that an instance has claimed, with nothing begun. */
    queueFor(instance: string) {
      return this.queue(1, null, instance);
    },
    /** One process of its own: its own connections, its own id. */
    async startSender(settings: SenderSettings = {}): Promise<Sending> {
      const { ratePerSecond = 1_000, connections = 10, instanceId = uuidv7(), heartbeats = FAST_HEARTBEATS, silenceMs = 30_000 } = settings;
      const metrics = createMetrics();
      const whole = createDatabase<MailerTables>({ url, name: 'mailer', log, metrics });
      const own = settings.wrap?.(whole) ?? whole;
      const timeouts = { connectMs: 10_000, silenceMs };
      const smtpTransport = createSmtpTransport({ url: smtp.url, from: 'Stoa <no-reply@stoa.test>', connections, timeouts });
      const transport = guardTransport(smtpTransport, { connections, log, metrics });
      const options = {
        database: own,
        transport,
        secrets: users.secrets,
        render,
        log,
        instanceId,
        ratePerSecond,
        connections,
        heartbeats,
      };
      const close = async () => {
        await transport.close();
        await own.close();
      };
      const sending = await startSending({ ...options, metrics: createMailerMetrics(metrics, own) }).catch(async (error) => {
        await close();
        throw error;
      });
      const stop = async () => {
        running.delete(stop);
        await sending.stop();
        await close();
      };
      running.add(stop);
      return { health: sending.health, stop };
    },
    mail: (recipient: string) =>
      database.query.selectFrom('mails').selectAll().where('recipient', '=', recipient).executeTakeFirstOrThrow(),
    attempts: (recipient: string) =>
      database.query
        .selectFrom('attempts')
        .innerJoin('mails', 'mails.id', 'attempts.mail_id')
        .selectAll('attempts')
        .where('mails.recipient', '=', recipient)
        .orderBy('number')
        .execute(),
    receivedBy: (recipient: string) => smtp.received.filter(({ envelopeTo }) => envelopeTo.includes(recipient)),
    async stopAll() {
      await Promise.all([...running].map((stop) => stop()));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map((stop) => stop()));
      await smtp[Symbol.asyncDispose]();
      await dispose.call(rest);
    },
  };
}
