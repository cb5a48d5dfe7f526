import { randomBytes } from 'node:crypto';
import { installAccess } from '@stoa/auth';
import { type TestIdentity, testIdentity } from '@stoa/auth/testing';
import { createHttp, createMemoryRateLimiter, createUpstream, type Http, openApiOf } from '@stoa/http';
import {
  type Broker,
  consumer,
  createLocalBroker,
  createMessageWriters,
  createMessaging,
  createRabbitBroker,
  type EventContract,
  messagingMigrations,
} from '@stoa/messaging';
import { testDatabase } from '@stoa/postgres/testing';
import { connectRedis, createRedisRateLimiter, type RedisConnection } from '@stoa/redis';
import { createKeys, createLog, createMetrics, type DeriveKey, type Environment, loadConfig, systemClock, uuidv7 } from '@stoa/service';
import { sql } from 'kysely';
import { Type } from 'typebox';
import type { Directory } from '../backends/directory.ts';
import { gateway, gatewayConfig } from '../index.ts';

const log = createLog({ level: 'silent' });

export interface GatewayCopiesOptions {
  /** Where each copy finds its Redis. */
  readonly redisUrls: readonly [string, string];
  /** Where each copy, and last the service, finds RabbitMQ; without them all are on one bus in this process. */
  readonly rabbitUrls?: readonly [string, string, string];
  /** Settings of both gateways. */
  readonly settings?: Environment;
}

export interface GatewayCopy {
  readonly url: string;
  readonly http: Http;
  readonly broker: Broker;
  readonly redis: RedisConnection;
}

/** Two copies of the gateway before one service in another process, each with connections of its own. */
export interface GatewayCopies extends AsyncDisposable {
  readonly copies: readonly [GatewayCopy, GatewayCopy];
  readonly who: TestIdentity;
  /** Changes a note in the service's database, without an event. */
  changeSilently(id: string, text: string): Promise<void>;
}

const NoteChanged = Type.Object({ id: Type.String() }, { additionalProperties: false });
const noteChanged = {
  name: 'note-changed',
  version: 1,
  source: 'notes',
  description: 'A note has changed.',
  schema: NoteChanged,
  example: { id: 'a' },
  key: ({ id }) => id,
  subscribers: ['notes'],
} as const satisfies EventContract<typeof NoteChanged>;

const Note = Type.Object({ text: Type.String() }, { additionalProperties: false });
const Params = Type.Object({ id: Type.String() }, { additionalProperties: false });

export async function startGatewayCopies({ redisUrls, rabbitUrls, settings = {} }: GatewayCopiesOptions): Promise<GatewayCopies> {
  const stack = new AsyncDisposableStack();
  const derive = createKeys(randomBytes(32).toString('base64'));
  const prefix = `test-${uuidv7()}`;
  const who = stack.use(await testIdentity());

  const local = createLocalBroker({ log });
  stack.defer(() => local.close());
  function connect(url: string | undefined, name: string): Broker {
    if (url === undefined) return local;
    const broker = createRabbitBroker({ url, log, name, prefix });
    stack.defer(() => broker.close());
    return broker;
  }

  const { notes, changeSilently } = await startNotes(connect(rabbitUrls?.[2], 'notes'), who, derive, stack);
  const notesUrl = await notes.listen({ port: 0, host: '127.0.0.1' });
  stack.defer(() => notes.close());
  const directory: Directory = { notes: { routes: notes.declaredRoutes, errors: {}, openApi: () => openApiOf(notes) } };

  async function startCopy(redisUrl: string, rabbitUrl?: string): Promise<GatewayCopy> {
    const metrics = createMetrics();
    const broker = connect(rabbitUrl, 'gateway');
    const redis = connectRedis({ url: redisUrl, log });
    stack.defer(() => redis.close());
    await redis.ready();
    const upstream = createUpstream({ name: 'notes', urls: [notesUrl], log, metrics });
    stack.defer(() => upstream.close());
    const limiter = createRedisRateLimiter(redis, { fallback: createMemoryRateLimiter(systemClock), log });
    const made = await gateway.create({
      ...{
        log,
        derive,
        metrics,
        broker,
        redis,
        limiter,
        directory,
        identity: who.identity,
        services: [],
        elsewhere: [upstream],
        asyncApi: {},
      },
      config: loadConfig(gatewayConfig, { TRUSTED_PROXIES: '127.0.0.1', ...settings }),
    });
    const http = made.http as unknown as Http;
    const url = await http.listen({ port: 0, host: '127.0.0.1' });
    stack.defer(() => http.close());
    await made.start();
    stack.defer(() => made.stop());
    return { url, http, broker, redis };
  }
  const copies = [await startCopy(redisUrls[0], rabbitUrls?.[0]), await startCopy(redisUrls[1], rabbitUrls?.[1])] as const;
  return { copies, who, changeSilently, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** A service that keeps texts in Postgres, and publishes by its outbox which of them changed. */
async function startNotes(broker: Broker, who: TestIdentity, derive: DeriveKey, stack: AsyncDisposableStack) {
  const metrics = createMetrics();
  const test = stack.use(await testDatabase<unknown>({ sources: [{ name: 'messaging', directory: messagingMigrations }] }));
  const { database } = test;
  await sql`create table notes (id text primary key, text text not null)`.execute(database.query);
  const messaging = createMessaging({
    ...{ service: 'notes', database, broker, log, metrics, jobs: [], crons: [], instanceId: 'notes' },
    consumers: [consumer({ name: 'on-note-changed', event: noteChanged, handle: async () => {} })],
  });
  const http = await createHttp({
    name: 'notes',
    title: '',
    description: '',
    version: '1',
    log,
    metrics,
    errors: {},
    health: async () => [],
  });
  installAccess(http, { identity: who.identity, derive });
  const cache = { maxAgeSeconds: 3_600, invalidatedBy: { 'note-changed': 'id' } };
  const access = 'anyone';

  http.get('/v1/notes/:id', { config: { access, cache }, schema: { params: Params } }, async ({ params: { id } }) => {
    const { rows } = await sql<{ text: string }>`select text from notes where id = ${id}`.execute(database.query);
    return { text: rows[0]?.text ?? '' };
  });
  http.put('/v1/notes/:id', { config: { access }, schema: { params: Params, body: Note } }, async ({ params: { id }, body }) => {
    await database.transaction(async (tx) => {
      await write(tx, id, body.text);
      await createMessageWriters('notes', database).outbox(tx).append(noteChanged, { id });
    });
    return body;
  });
  const write = (db: typeof database.query, id: string, text: string) =>
    sql`insert into notes (id, text) values (${id}, ${text}) on conflict (id) do update set text = ${text}`.execute(db);
  await messaging.start();
  stack.defer(() => messaging.stop());
  return { notes: http, changeSilently: async (id: string, text: string) => void (await write(database.query, id, text)) };
}
