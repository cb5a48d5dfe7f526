import { randomUUID } from 'node:crypto';
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
import { openTestService } from '@stoa/kit/testing';
import { type Environment, type Service, systemClock } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { fastify } from 'fastify';
import { mailer } from '../index.ts';
import { codeOf, tokenOf } from './fake-secrets.ts';

/** The whole service on a database of its own, as many copies as a test starts. */
export async function mailerFixture(environment: Environment = {}) {
  const gone = new Set<string>();
  // What the mailer knows of users: two routes, its credential and their answers.
  const users = fastify();
  const mints = (path: string, gone410: string, answer: (requestId: string) => object) =>
    users.post<{ Body: { requestId: string } }>(path, async ({ headers, body: { requestId } }, reply) => {
      if (!headers.authorization?.startsWith('Service mailer.')) return reply.code(401).send({ code: 'unauthenticated' });
      return gone.has(requestId) ? reply.code(410).send({ code: gone410 }) : answer(requestId);
    });
  mints('/internal/activation-codes', 'activation_request_gone', (id) => ({ code: codeOf(id), expiresInSeconds: 60 }));
  mints('/internal/account-links', 'account_link_gone', (id) => ({ token: tokenOf(id), expiresInSeconds: 1_800 }));
  const system = await openTestService(mailer, {
    environment: { MAIL_URL: 'mailbox:', PUBLIC_URL: 'https://stoa.test', MAIL_RATE_PER_SECOND: '1000', ...environment },
    clock: systemClock,
    others: { users },
  });
  const { database } = system;

  /** Publishes an event as users would. @returns its correlation id, and a function that publishes the same message once more. */
  async function publish(event: DescribedEvent, data: { readonly userId: string }) {
    const message = await system.publish(event, data);
    return { correlationId: message.correlationId, again: () => system.repeat(message) };
  }

  return {
    ...system,
    gone,
    /** @param own `runsBackgroundWork`: false for a copy that only answers. */
    start: async (own: { readonly runsBackgroundWork?: boolean } = {}): Promise<Service> => (await system.start(own)).service,
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
    /** A person is to get a notice. */
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
    /** Resolves when the mailer knows of it. */
    async deleteUser(userId: string) {
      const data: UserDeleted = { userId, deletedAt: new Date().toISOString() };
      const published = await publish(userDeleted, data);
      const heard = database.query.selectFrom('deleted_users').select('user_id').where('user_id', '=', userId);
      await eventually(() => heard.executeTakeFirstOrThrow());
      return published;
    },
    async [Symbol.asyncDispose]() {
      await system[Symbol.asyncDispose]();
      await users.close();
    },
  };
}

/** The newest message to `to` once it is there. The wait is longer than a test may last: only a message ends it. */
export async function latest({ http }: Service, to: string, more = '') {
  const answer = await http.inject(`/mailbox/messages/latest?to=${encodeURIComponent(to)}&wait=60s${more}`);
  return { status: answer.statusCode, message: answer.json() };
}
