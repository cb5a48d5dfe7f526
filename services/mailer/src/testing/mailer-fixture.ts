import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { testIdentity } from '@stoa/auth/testing';
import {
  type AccountLinkRequested,
  type AccountNoticeRequested,
  accountLinkRequested,
  accountNoticeRequested,
  activationRequested,
  type DescribedEvent,
  type UserDeleted,
  userDeleted,
} from '@stoa/contracts';
import { createTestBroker } from '@stoa/messaging/testing';
import { createDatabase } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import {
  createContext,
  createKeys,
  createLog,
  createMetrics,
  type Environment,
  loadConfig,
  type Service,
  systemClock,
  uuidv7,
} from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { fastify } from 'fastify';
import { sql } from 'kysely';
import { expect } from 'vitest';
import { mailer } from '../index.ts';
import type { MailerTables } from '../tables.ts';
import { codeOf, tokenOf } from './fake-secrets.ts';
import { mailerSources } from './mailer-sources.ts';

const derive = createKeys(Buffer.alloc(32, 7).toString('base64'));

/** The whole service on a database of its own, as many copies as a test starts, with a bus that repeats and reorders. */
export async function mailerFixture(environment: Environment = {}) {
  const { database, url, ...rest } = await testDatabase<MailerTables>({ sources: mailerSources });
  const dispose = rest[Symbol.asyncDispose];
  const broker = createTestBroker({ repeats: 0.5 });
  const who = await testIdentity();
  const gone = new Set<string>();
  const logged: string[] = [];
  const destination = new Writable({
    write(line, _encoding, done) {
      logged.push(String(line));
      done();
    },
  });
  const stops: (() => Promise<void>)[] = [];

  // What the mailer knows of users: two routes, its credential and their answers.
  const users = fastify();
  const mints = (path: string, gone410: string, answer: (requestId: string) => object) =>
    users.post<{ Body: { requestId: string } }>(path, async ({ headers, body: { requestId } }, reply) => {
      if (!headers.authorization?.startsWith('Service mailer.')) return reply.code(401).send({ code: 'unauthenticated' });
      return gone.has(requestId) ? reply.code(410).send({ code: gone410 }) : answer(requestId);
    });
  mints('/internal/activation-codes', 'activation_request_gone', (id) => ({ code: codeOf(id), expiresInSeconds: 60 }));
  mints('/internal/account-links', 'account_link_gone', (id) => ({ token: tokenOf(id), expiresInSeconds: 1_800 }));

  /** Publishes an event as users would. @returns its correlation id, and a function that publishes the same message once more. */
  async function publish(event: DescribedEvent, data: { readonly userId: string }) {
    const { correlationId, traceparent } = createContext();
    const { name: type, version, source } = event;
    const occurredAt = new Date().toISOString();
    const message = { id: uuidv7(), type, version, source, key: data.userId, occurredAt, correlationId, traceparent, data };
    // Others may want it too; here is nobody else.
    const again = async () => void (await broker.publish([{ message, subscribers: ['mailer'] }]));
    await again();
    return { correlationId, again };
  }

  /** The first clean-up comes with the start: a test that ends before it would leave it undone. */
  async function isCleanedUp(): Promise<boolean> {
    const { rows } = await sql`
      select from cron where next_at > now() and not exists (select from inbox where consumer = 'job:' || job and status = 'pending')`.execute(
      database.query,
    );
    return rows.length > 0;
  }

  return {
    database,
    derive,
    /** Makes the headers of those who has access. */
    who,
    gone,
    /** Every line that any copy wrote, down to `trace`. */
    logged,
    /** @param runsBackgroundWork false for a copy that only answers. */
    async start({ runsBackgroundWork = true } = {}): Promise<Service> {
      const log = createLog({ level: 'trace', destination });
      const metrics = createMetrics();
      const own = createDatabase<MailerTables>({ url, name: 'mailer', log, metrics });
      const config = loadConfig(mailer.config, {
        MAIL_URL: 'mailbox:',
        PUBLIC_URL: 'https://stoa.test',
        MAIL_RATE_PER_SECOND: '1000',
        ...environment,
      });
      const service = await mailer.create({
        config,
        database: own,
        broker,
        log,
        metrics,
        derive,
        locate: () => users,
        identity: who.identity,
        clock: systemClock,
        instanceId: uuidv7(),
        runsBackgroundWork,
      });
      await service.http.ready();
      await service.start();
      stops.unshift(async () => {
        await service.http.close();
        await service.stop();
        await own.close();
      });
      if (runsBackgroundWork) await eventually(async () => expect(await isCleanedUp()).toBe(true));
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
      const { correlationId, again } = await publish(activationRequested, data);
      return { email, requestId, userId: data.userId, code: codeOf(requestId), correlationId, again };
    },
    /** A person is to get a link. @returns the address, and the token that will come. */
    async requestLink(purpose: AccountLinkRequested['purpose'], fields: Partial<AccountLinkRequested> = {}) {
      const data: AccountLinkRequested = {
        requestId: randomUUID(),
        userId: randomUUID(),
        email: `${randomUUID()}@example.com`,
        fullName: 'Ada Lovelace',
        requestedAt: new Date().toISOString(),
        ...fields,
        purpose,
      };
      return { ...data, token: tokenOf(data.requestId), ...(await publish(accountLinkRequested, data)) };
    },
    /** A person is to be told of something. */
    async notice(notice: AccountNoticeRequested['notice'], fields: Partial<AccountNoticeRequested> = {}) {
      const data: AccountNoticeRequested = {
        userId: randomUUID(),
        email: `${randomUUID()}@example.com`,
        fullName: 'Ada Lovelace',
        occurredAt: '2026-11-21T09:00:00.000Z',
        newEmail: null,
        address: null,
        device: null,
        ...fields,
        notice,
      };
      return { ...data, ...(await publish(accountNoticeRequested, data)) };
    },
    /** Resolves when the mailer has heard of it. */
    async deleteUser(userId: string) {
      const data: UserDeleted = { userId, deletedAt: new Date().toISOString() };
      const published = await publish(userDeleted, data);
      const heard = database.query.selectFrom('deleted_users').select('user_id').where('user_id', '=', userId);
      await eventually(() => heard.executeTakeFirstOrThrow());
      return published;
    },
    async [Symbol.asyncDispose]() {
      for (const stop of stops) await stop();
      await users.close();
      await who[Symbol.asyncDispose]();
      await dispose.call(rest);
    },
  };
}

/** The newest message to `to` once it is there. It is waited for longer than a test may last: what comes, came of itself. */
export async function latest({ http }: Service, to: string, more = '') {
  const answer = await http.inject(`/mailbox/messages/latest?to=${encodeURIComponent(to)}&wait=60s${more}`);
  return { status: answer.statusCode, message: answer.json() };
}
