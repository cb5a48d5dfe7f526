import { randomBytes } from 'node:crypto';
import { askUsers, createIdentity, HOLD_SECONDS, type Identity, serviceCredential } from '@stoa/auth';
import { testIdentity } from '@stoa/auth/testing';
import { createCaller, createMemoryRateLimiter, type Http, type ServiceLocation } from '@stoa/http';
import { type Broker, createMessageWriters, type EventContract, type Message } from '@stoa/messaging';
import { createTestBroker, drained } from '@stoa/messaging/testing';
import { createDatabase } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import {
  type Clock,
  createKeys,
  createLog,
  createMetrics,
  type Environment,
  fakeClock,
  loadConfig,
  type Metrics,
  type Service,
  type ServiceDefinition,
  uuidv7,
} from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { type Static, type TSchema, Type } from 'typebox';
import { migrationSourcesOf } from '../migration-sources.ts';
import type { ServiceDeps } from '../service-deps.ts';
import { messageOf } from './message-of.ts';
import { createOtherServices } from './other-services.ts';
import { createRequests } from './requests.ts';

export interface TestServiceOptions<Config, Tables, C extends Clock> {
  /** Values of the service's variables; the others have their defaults. */
  readonly environment?: Environment;
  /** Changes what the environment gave, to what it does not allow. */
  readonly configure?: (config: Config) => Config;
  /** One that stands still, by default. */
  readonly clock?: C;
  /** By default one that repeats every second delivery and keeps the order of a key alone. */
  readonly bus?: Broker;
  /** Permissions of the caller of requests that name none; anonymous by default. */
  readonly as?: readonly string[];
  /** The other services that this one calls. */
  readonly others?: Readonly<Record<string, ServiceLocation>>;
  /** The service under test is the one that says who has access. */
  readonly saysWhoHasAccess?: boolean;
  /** What the first copy has of its own. */
  readonly copy?: CopyOptions<Config, Tables>;
}

/** What a copy of the service may have of its own. */
export type CopyOptions<Config, Tables> = Partial<Omit<ServiceDeps<Config, Tables>, 'identity' | 'locate' | 'broker'>>;

/** One running copy of the service, with connections of its own, as a process has them. */
export interface Copy {
  readonly service: Service;
  readonly http: Http;
  readonly metrics: Metrics;
  stop(): Promise<void>;
}

export type FakeClock = ReturnType<typeof fakeClock>;

/**
 * A service as a process runs it, on a database of its own, with a bus that misbehaves and stand-ins for all other services: they take
 * whatever it publishes. `start` starts a copy; `startTestService` starts the first one.
 */
export async function openTestService<Config, Tables, C extends Clock = FakeClock>(
  definition: ServiceDefinition<ServiceDeps<Config, Tables>>,
  options: TestServiceOptions<Config, Tables, C> = {},
) {
  const { name } = definition;
  const { environment = {}, configure = (config) => config, others = {}, saysWhoHasAccess = false } = options;
  const clock = (options.clock ?? fakeClock()) as C;
  await using undo = new AsyncDisposableStack();
  const fixture = undo.use(await testDatabase<Tables>({ sources: migrationSourcesOf(definition) }));
  const { database, url } = fixture;
  const derive = createKeys(randomBytes(32).toString('base64'));
  const logged: string[] = [];
  const log = createLog({ level: 'trace', destination: { write: (line) => void logged.push(line) } });
  const otherServices = createOtherServices(options.bus ?? createTestBroker({ repeats: 0.5 }), name);
  const { broker } = otherServices;
  undo.defer(() => broker.close());
  const who = undo.use(await testIdentity());
  const config = configure(loadConfig(definition.config, environment) as Config);
  const copies: Copy[] = [];

  function ownIdentity(http: () => Http): Identity {
    const call = createCaller({
      locate: () => ({ inject: http().inject.bind(http()) as Http['inject'] }),
      credential: serviceCredential(derive, 'identity'),
      timeoutMs: (HOLD_SECONDS + 5) * 1_000,
    });
    return createIdentity({ ask: askUsers(call), log, clock });
  }

  /** Jobs that are due at once come with the start: a test that ends before them would leave them undone. */
  async function settled(): Promise<void> {
    await eventually(async () => {
      const { rows } = await sql`select from cron where next_at <= now()`.execute(database.query);
      if (rows.length > 0) throw new Error('a job is due');
    });
    await drained(database);
  }

  async function start(own: CopyOptions<Config, Tables> = {}): Promise<Copy> {
    const metrics = own.metrics ?? createMetrics();
    const connections = own.database ?? createDatabase<Tables>({ url, name, log, metrics });
    const identity = saysWhoHasAccess ? ownIdentity(() => copy.http) : who.identity;
    const service = await definition.create({
      config,
      log,
      clock,
      derive,
      limiter: createMemoryRateLimiter(clock),
      redis: undefined,
      runsBackgroundWork: true,
      instanceId: uuidv7(),
      ...own,
      metrics,
      database: connections,
      broker,
      identity,
      locate: (other) => others[other],
    });
    const http = service.http as unknown as Http;
    const copy: Copy = {
      service,
      http,
      metrics,
      async stop() {
        copies.splice(copies.indexOf(copy), 1);
        if (saysWhoHasAccess) await identity.stop();
        await http.close();
        await service.stop();
        if (own.database === undefined) await connections.close();
      },
    };
    copies.unshift(copy);
    await http.ready();
    await service.start().catch(async (error) => {
      await copy.stop();
      throw error;
    });
    if (saysWhoHasAccess) await identity.start();
    if (own.runsBackgroundWork !== false) await settled();
    return copy;
  }

  const opened = {
    database,
    url,
    clock,
    derive,
    config,
    /** Makes callers of all kinds; see `@stoa/auth/testing`. */
    who,
    /** Every line that any copy wrote, down to `trace`. */
    logged,
    /** What the other services received, each message once, by their names. */
    receivedBy: otherServices.receivedBy,
    start,
    /** Publishes an event as another service would. @returns the message once the bus has taken it; it may come again. */
    async publish<S extends TSchema>(event: EventContract<S>, data: Static<S>, id = uuidv7(), occurredAt = clock.now()) {
      const message = messageOf(event, data, id, occurredAt);
      await opened.repeat(message);
      return message;
    },
    /** Publishes a message once more. */
    async repeat(message: Message): Promise<void> {
      const [rejection] = await broker.publish([{ message, subscribers: [name] }]);
      if (rejection !== undefined) throw new Error(`${name} takes no ${message.type}: ${rejection.detail}`);
    },
    /** Publishes an event as another service would, and resolves when this one has handled it. */
    async receives<S extends TSchema>(event: EventContract<S>, data: Static<S>, id = uuidv7(), occurredAt = clock.now()) {
      const message = await opened.publish(event, data, id, occurredAt);
      await eventually(async () => {
        const { rows } = await sql`
          select from inbox_seen where message_id = ${id} and not exists (select from inbox where message_id = ${id})`.execute(
          database.query,
        );
        if (rows.length === 0) throw new Error(`${event.name} is not handled yet`);
      });
      return message;
    },
    /** Has a job of the service done, and what follows from it. */
    async runJob(job: string): Promise<void> {
      const { jobs } = createMessageWriters(name, database);
      await database.transaction((tx) => jobs(tx).enqueue({ name: job, data: Type.Object({}) }, {}));
      await drained(database);
    },
    async [Symbol.asyncDispose]() {
      if (copies.length > 0) await drained(database);
      for (const copy of [...copies]) await copy.stop();
      await stack.disposeAsync();
    },
  };
  const stack = undo.move();
  return opened;
}

/** A service that runs, to be tested as its clients and the other services see it; see docs/testing.md. */
export async function startTestService<Config, Tables, C extends Clock = FakeClock>(
  definition: ServiceDefinition<ServiceDeps<Config, Tables>>,
  options: TestServiceOptions<Config, Tables, C> = {},
) {
  await using undo = new AsyncDisposableStack();
  const opened = undo.use(await openTestService(definition, options));
  const copy = await opened.start(options.copy);
  const requests = await createRequests(copy.http, opened.who, opened.derive, options.as);
  // From here on its owner ends it.
  undo.move();
  return { ...opened, ...copy, ...requests };
}

export type TestService<Config, Tables, C extends Clock = FakeClock> = Awaited<ReturnType<typeof startTestService<Config, Tables, C>>>;
