import { randomBytes } from 'node:crypto';
import { askUsers, createIdentity, HOLD_SECONDS, serviceCredential } from '@stoa/auth';
import { createCaller, createMemoryRateLimiter, type Http, type RateLimiter } from '@stoa/http';
import { createLocalBroker, type EventContract, type Message, messagingMigrations } from '@stoa/messaging';
import { drained } from '@stoa/messaging/testing';
import { type Database, platformMigrations } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import type { RedisConnection } from '@stoa/redis';
import { createContext, createKeys, createLog, type Environment, fakeClock, loadConfig, uuidv7 } from '@stoa/service';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import type { Static, TSchema } from 'typebox';
import { users } from '../index.ts';
import type { UsersSchema } from '../infrastructure/tables.ts';

export interface Person {
  readonly email: string;
  readonly password: string;
}

/** A person whom no other test knows. */
export function somebody(): Person {
  const name = randomBytes(6).toString('hex');
  return { email: `${name}@example.com`, password: `pass phrase ${name}` };
}

export const basic = ({ email, password }: Person) => `Basic ${Buffer.from(`${email}:${password}`).toString('base64')}`;

/** What a copy of the service has of what others may have too. */
export interface Shared {
  readonly limiter?: RateLimiter;
  readonly redis?: RedisConnection;
  /** Its own way to the database. */
  readonly database?: Database<UsersSchema>;
}

/** The service on a database of its own, with a clock that stands still, a collected log, and a mailer and a posts that only take note. */
export async function usersUnderTest(environment: Environment = {}, { bcryptCost = 4, ...shared }: { bcryptCost?: number } & Shared = {}) {
  const sources = [
    { name: 'messaging', directory: messagingMigrations },
    platformMigrations,
    { name: 'users', directory: users.migrations as URL },
  ];
  const fixture = await testDatabase<UsersSchema>({ sources });
  const { database } = fixture;
  const clock = fakeClock(new Date('2026-11-21T09:00:00Z'));
  const derive = createKeys(randomBytes(32).toString('base64'));
  const lines: string[] = [];
  const log = createLog({ level: 'trace', destination: { write: (line) => void lines.push(line) } });
  const broker = createLocalBroker({ log });
  const mailed: Message[] = [];
  await broker.subscribe(
    'mailer',
    ['activation-requested', 'account-link-requested', 'account-notice-requested', 'user-deleted'],
    async (messages) => void mailed.push(...(messages as Message[])),
  );
  const toldPosts: Message[] = [];
  await broker.subscribe(
    'posts',
    ['user-deleted', 'user-profile-changed', 'user-profiles-told'],
    async (messages) => void toldPosts.push(...(messages as Message[])),
  );
  // By default below what the configuration allows: cost is what few tests need.
  const config = { ...loadConfig(users.config, environment), BCRYPT_COST: bcryptCost };
  const metrics = new Registry();
  /** Each copy has an identity of its own, as each process has. */
  const create = async (metrics: Registry, { limiter = createMemoryRateLimiter(clock), redis, ...own }: Shared) => {
    const call = createCaller({
      locate: () => ({ inject: service.http.inject.bind(service.http) as Http['inject'] }),
      credential: serviceCredential(derive, 'identity'),
      timeoutMs: (HOLD_SECONDS + 5) * 1_000,
    });
    const identity = createIdentity({ ask: askUsers(call), log, clock });
    const common = { config, database, broker, log, metrics, clock, derive, identity, ...own };
    const service = await users.create({ ...common, limiter, redis, runsBackgroundWork: true, instanceId: 'test' });
    return { identity, service };
  };
  const { identity, service } = await create(metrics, shared);
  await service.start();
  await identity.start();
  const { http } = service;

  const post = (url: string, body?: unknown, headers: Record<string, string> = {}) =>
    http.inject({ method: 'POST', url, headers, ...(body === undefined ? {} : { payload: body as object }) });
  const mint = (requestId: string) =>
    post('/internal/activation-codes', { requestId }, { authorization: serviceCredential(derive, 'mailer') });
  const requestsOf = async ({ email }: Person): Promise<string[]> => {
    const { rows } = await sql<{ id: string }>`
      select data->>'requestId' as id from outbox_events where type = 'activation-requested' and data->>'email' = ${email} order by outbox_events.id`.execute(
      database.query,
    );
    return rows.map(({ id }) => id);
  };

  return {
    database,
    url: fixture.url,
    clock,
    derive,
    http,
    service,
    metrics,
    /** Another copy of the service on the same database: it shares no mutex, and of limits and codes what is given. */
    another: async (shared: Shared = {}) => {
      const copy = await create(new Registry(), shared);
      await copy.identity.start();
      return {
        ...copy.service,
        stopAll: async () => {
          await copy.identity.stop();
          await copy.service.http.close();
        },
      };
    },
    lines,
    mailed,
    toldPosts,
    /** What posts tells, or asks: taken, and not yet handled, when this returns. */
    async fromPosts<S extends TSchema>(event: EventContract<S>, data: Static<S>, id = uuidv7()): Promise<Message> {
      const { name: type, version, source } = event;
      const { correlationId, traceparent } = createContext();
      const message = {
        id,
        type,
        version,
        source,
        key: event.key(data),
        occurredAt: clock.now().toISOString(),
        correlationId,
        traceparent,
        data,
      };
      const [rejection] = await broker.publish([{ message, subscribers: ['users'] }]);
      if (rejection !== undefined) throw new Error(`users took nothing: ${rejection.detail}`);
      return message;
    },
    post,
    mint,
    requestsOf,
    register: (body: object) => post('/v1/users', body),
    activate: (person: Person, code: string) => post('/v1/users/activation', { code }, { authorization: basic(person) }),
    resend: (person: Person) => post('/v1/users/activation/code', undefined, { authorization: basic(person) }),
    /** A person who has registered and whose newest mail has left. */
    async registered(person = somebody()) {
      const { id } = (await post('/v1/users', person)).json();
      return { ...person, id: id as string, code: await this.codeOf(person) };
    },
    /** What the mailer does with the newest request. */
    async codeOf(person: Person): Promise<string> {
      const answer = await mint((await requestsOf(person)).at(-1) as string);
      return answer.json().code;
    },
    /** As if each answer to an Idempotency-Key had been lost between its commit and its client. */
    loseAnswers: () => sql`update idempotency_keys set answer = null, lease_until = 'epoch'`.execute(database.query),
    audit: async (subject: string) => {
      const rows = await database.query
        .selectFrom('audit')
        .selectAll()
        .where('subject', '=', subject)
        .orderBy('at')
        .orderBy('id')
        .execute();
      return rows;
    },
    async [Symbol.asyncDispose]() {
      await drained(database);
      await identity.stop();
      await service.stop();
      await http.close();
      await broker.close();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

export type UsersUnderTest = Awaited<ReturnType<typeof usersUnderTest>>;

/** A code of the same length that is not `code`. */
export const wrong = (code: string): string => `${code.slice(0, -1)}${(Number(code.at(-1)) + 1) % 10}`;

/** How often each status, or status and code of a problem, was answered. */
export function tally(answers: readonly { statusCode: number; body: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { statusCode, body } of answers) {
    const outcome = statusCode < 400 ? `${statusCode}` : `${statusCode} ${JSON.parse(body).code}`;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

export const times = <T>(count: number, work: (index: number) => T): Promise<Awaited<T>[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));
