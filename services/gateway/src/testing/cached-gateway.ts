import { randomBytes } from 'node:crypto';
import { installAccess } from '@stoa/auth';
import { type TestIdentity, testIdentity } from '@stoa/auth/testing';
import { type CacheRule, createHttp, createMemoryRateLimiter, createUpstream, type Http, installCallerLimits, openApiOf } from '@stoa/http';
import { createLocalBroker, type Message } from '@stoa/messaging';
import type { RedisConnection } from '@stoa/redis';
import {
  createKeys,
  createLog,
  createMetrics,
  type Environment,
  fakeClock,
  loadConfig,
  type Metrics,
  type Service,
  uuidv7,
} from '@stoa/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { gateway, gatewayConfig } from '../index.ts';

const log = createLog({ level: 'silent' });

/** How the fixture's service answers. */
export type Answer = (request: FastifyRequest, reply: FastifyReply) => unknown;

export interface CachedGateway extends AsyncDisposable {
  readonly url: string;
  readonly front: Http;
  readonly clock: ReturnType<typeof fakeClock>;
  readonly metrics: Metrics;
  readonly who: TestIdentity;
  /** How often the service was asked. */
  asked(): number;
  /** From now on it answers so; with a new number each time by default. */
  answers(how: Answer | undefined): void;
  /** Publishes an event of `key`. */
  publish(type: string, key: string): Promise<void>;
  /** Ends the service behind the gateway. */
  stopService(): Promise<void>;
}

export interface CachedGatewayOptions {
  /** Whether the service runs in the gateway's process, or answers over the network. */
  readonly where?: 'here' | 'elsewhere';
  readonly redis?: RedisConnection;
  /** Settings of the gateway. */
  readonly settings?: Environment;
}

const ROUTES: Record<string, CacheRule | undefined> = {
  '/v1/notes': { maxAgeSeconds: 60, invalidatedBy: { 'note-changed': '*' } },
  '/v1/notes/:id': { maxAgeSeconds: 60, invalidatedBy: { 'note-changed': 'id', 'notes-imported': '*' } },
  '/v1/leaves/:leaf': { maxAgeSeconds: 60, invalidatedBy: { 'leaf-changed': 'leaf' } },
  '/v1/shelves/:shelf/:book': { maxAgeSeconds: 60, invalidatedBy: {} },
  '/v1/drafts': undefined,
};

const Id = Type.String({ format: 'uuid' });
const LEAF = {
  params: Type.Object({ leaf: Id }, { additionalProperties: false }),
  querystring: Type.Object({ author: Type.Optional(Id), word: Type.Optional(Type.String()) }, { additionalProperties: false }),
};

/** A gateway that listens on loopback, with a small service behind it whose answers may be kept. */
export async function startCachedGateway({ where = 'here', redis, settings = {} }: CachedGatewayOptions = {}): Promise<CachedGateway> {
  const metrics = createMetrics();
  const derive = createKeys(randomBytes(32).toString('base64'));
  const who = await testIdentity();
  const broker = createLocalBroker({ log });
  const clock = fakeClock();
  let asked = 0;
  let answer: Answer | undefined;
  const notes = await createHttp({
    name: 'notes',
    title: 'Notes',
    description: '',
    version: '1',
    log,
    metrics: createMetrics(),
    errors: {},
    health: async () => [],
  });
  installAccess(notes, { identity: who.identity, derive });
  installCallerLimits(notes, { limiter: createMemoryRateLimiter(clock) });
  for (const [url, cache] of Object.entries(ROUTES)) {
    // Hidden, as a route that is described refuses a parameter of a query that it does not know.
    const schema = { schema: { hide: true, ...(url.includes(':leaf') && LEAF) } };
    notes.get(url, { config: { access: 'anyone', ...(cache && { cache }) }, ...schema }, async (request, reply) => {
      asked += 1;
      return answer === undefined ? { number: asked } : await answer(request, reply);
    });
  }
  const limit = { name: 'visits', limit: 2, windowSeconds: 30 };
  const cache = { maxAgeSeconds: 60, invalidatedBy: {} };
  notes.get('/v1/visits', { config: { access: 'anyone', limit } }, async () => ({}));
  notes.get('/v1/kept-visits', { config: { access: 'anyone', limit, cache } }, async () => ({}));
  notes.post('/v1/notes', { config: { access: 'anyone' } }, async () => ({ written: true }));
  notes.get('/pages/notes', async () => 'a page');
  await notes.ready();
  const service = { name: 'notes', http: notes as unknown as Service['http'], start: noop, stop: noop, health: async () => [] };
  const upstream =
    where === 'here'
      ? undefined
      : createUpstream({ name: 'notes', urls: [await notes.listen({ port: 0, host: '127.0.0.1' })], log, metrics });
  const made = await gateway.create({
    log,
    derive,
    identity: who.identity,
    metrics,
    clock,
    broker,
    redis,
    limiter: createMemoryRateLimiter(clock),
    config: loadConfig(gatewayConfig, settings),
    services: upstream ? [] : [service],
    elsewhere: upstream ? [upstream] : [],
    directory: { notes: { routes: notes.declaredRoutes, errors: {}, openApi: () => openApiOf(notes) } },
    asyncApi: {},
  });
  const front = made.http as unknown as Http;
  const url = await front.listen({ port: 0, host: '127.0.0.1' });
  await made.start();

  return {
    url,
    front,
    clock,
    metrics,
    who,
    asked: () => asked,
    answers(how) {
      answer = how;
    },
    async publish(type, key) {
      await broker.publish([{ message: message(type, key), subscribers: [] }]);
    },
    stopService: async () => void (await notes.close()),
    async [Symbol.asyncDispose]() {
      await made.stop();
      await front.close();
      await upstream?.close();
      await notes.close();
      await broker.close();
      await who[Symbol.asyncDispose]();
    },
  };
}

const noop = async () => {};

const message = (type: string, key: string): Message => ({
  id: uuidv7(),
  type,
  version: 1,
  source: 'notes',
  key,
  occurredAt: new Date().toISOString(),
  correlationId: uuidv7(),
  traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
  data: {},
});
