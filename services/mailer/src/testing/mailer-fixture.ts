import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { activationRequested } from '@stoa/contracts';
import { createTestBroker } from '@stoa/messaging/testing';
import { createDatabase } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import { createContext, createKeys, createLog, createMetrics, type Environment, loadConfig, type Service, uuidv7 } from '@stoa/service';
import { fastify } from 'fastify';
import { mailer } from '../index.ts';
import type { MailerTables } from '../tables.ts';
import { codeOf } from './fake-codes.ts';
import { mailerSources } from './mailer-sources.ts';

const derive = createKeys(Buffer.alloc(32, 7).toString('base64'));

/** The whole service on a database of its own, as many copies as a test starts, with a bus that repeats and reorders. */
export async function mailerFixture(environment: Environment = {}) {
  const { database, url, ...rest } = await testDatabase<MailerTables>({ sources: mailerSources });
  const dispose = rest[Symbol.asyncDispose];
  const broker = createTestBroker({ repeats: 0.5 });
  const gone = new Set<string>();
  const logged: string[] = [];
  const destination = new Writable({
    write(line, _encoding, done) {
      logged.push(String(line));
      done();
    },
  });
  const stops: (() => Promise<void>)[] = [];

  // What the mailer knows of users: one route, its credential and its answers.
  const users = fastify();
  users.post<{ Body: { requestId: string } }>('/internal/activation-codes', async ({ headers, body: { requestId } }, reply) => {
    if (!headers.authorization?.startsWith('Service mailer.')) return reply.code(401).send({ code: 'unauthenticated' });
    if (gone.has(requestId)) return reply.code(410).send({ code: 'activation_request_gone' });
    return { code: codeOf(requestId), expiresInSeconds: 60 };
  });

  return {
    database,
    gone,
    /** Every line that any copy wrote, down to `trace`. */
    logged,
    async start(): Promise<Service> {
      const log = createLog({ level: 'trace', destination });
      const metrics = createMetrics();
      const own = createDatabase<MailerTables>({ url, name: 'mailer', log, metrics });
      const config = loadConfig(mailer.config, { MAIL_URL: 'mailbox:', MAIL_RATE_PER_SECOND: '1000', ...environment });
      const service = await mailer.create({
        config,
        database: own,
        broker,
        log,
        metrics,
        derive,
        locate: () => users,
        instanceId: uuidv7(),
      });
      await service.http.ready();
      await service.start();
      stops.unshift(async () => {
        await service.http.close();
        await service.stop();
        await own.close();
      });
      return service;
    },
    /** A person asks for a code. @returns the address and the code that will come; `again` publishes the same event once more. */
    async request(fields: { email?: string; fullName?: string | null; reason?: 'registration' | 'resend'; requestId?: string } = {}) {
      const {
        email = `${randomUUID()}@example.com`,
        fullName = 'Ada Lovelace',
        reason = 'registration',
        requestId = randomUUID(),
      } = fields;
      const data = { requestId, userId: randomUUID(), email, fullName, reason, requestedAt: new Date().toISOString() };
      const { correlationId, traceparent } = createContext();
      const message = {
        id: uuidv7(),
        type: activationRequested.name,
        version: 1,
        source: 'users',
        key: data.userId,
        occurredAt: data.requestedAt,
        correlationId,
        traceparent,
        data,
      };
      const publish = async () => void (await broker.publish([{ message, subscribers: activationRequested.subscribers }]));
      await publish();
      return { email, requestId, code: codeOf(requestId), correlationId, again: publish };
    },
    async [Symbol.asyncDispose]() {
      for (const stop of stops) await stop();
      await users.close();
      await dispose.call(rest);
    },
  };
}

/** The newest message to `to` once it is there. */
export async function latest({ http }: Service, to: string, more = '') {
  const answer = await http.inject(`/mailbox/messages/latest?to=${encodeURIComponent(to)}&wait=10s${more}`);
  return { status: answer.statusCode, message: answer.json() };
}
