import { authErrors, type Identity, installAccess, serviceCredential } from '@stoa/auth';
import {
  createCaller,
  createCursors,
  createHttp,
  ENTRY_LIMITS,
  type Http,
  httpErrors,
  type RateLimiter,
  type ServiceLocation,
  type Upstream,
} from '@stoa/http';
import { DEAD_LETTERS_PATH, deadLetterErrors } from '@stoa/kit';
import type { Broker, BrokerSubscription } from '@stoa/messaging';
import type { RedisConnection } from '@stoa/redis';
import {
  type Clock,
  type DeriveKey,
  type ErrorCatalogue,
  type Logger,
  loadConfig,
  type Metrics,
  type Service,
  type ServiceDefinition,
  systemClock,
} from '@stoa/service';
import { type Static, Type } from 'typebox';
import { type Backend, localBackend } from './backends/backend.ts';
import { type Declaration, type Directory, readDirectory } from './backends/directory.ts';
import { remoteBackend } from './backends/remote-backend.ts';
import { cacheConfig, createGatewayCache } from './cache/create-cache.ts';
import { createAllDeadLetters } from './dead-letters/all-dead-letters.ts';
import { deadLettersRoutes } from './dead-letters/dead-letters.routes.ts';
import { countOwn, dispatchTo, dropClaims } from './dispatch.ts';
import { serveDocs } from './docs.ts';
import { createLimits, limitsConfig } from './limits.ts';
import { mergeOpenApi } from './open-api.ts';
import { serveAssets } from './pages/assets.ts';
import { createFrame } from './pages/frame.ts';
import { serveLanding } from './pages/landing.ts';
import { readinessPage } from './pages/readiness.ts';
import { serveProblems } from './problems.ts';
import { createProxy } from './proxy/proxy-to.ts';
import { readTrustedProxies, trustProxies } from './trusted-proxies.ts';

export type { Declaration };

export const gatewayConfig = Type.Object({
  ...cacheConfig,
  ...limitsConfig,
  TRUSTED_PROXIES: Type.String({
    default: '',
    expected: 'IP addresses and CIDRs, like 10.0.0.7,192.168.0.0/16,fd00::/8',
    description: 'Proxies in front of the gateway: only their X-Forwarded-For is used to find the IP address of a client.',
  }),
});

export interface GatewayDeps {
  /** The defaults when absent. */
  readonly config?: Static<typeof gatewayConfig>;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly derive: DeriveKey;
  /** What this process knows of who has access. */
  readonly identity: Identity;
  /** The services behind it that run in this process. */
  readonly services: readonly Service[];
  /** Those that run in other processes: what they declare is in the directory. Their creator closes them. */
  readonly elsewhere?: readonly Upstream[];
  /** Another directory than the generated one, for services that are made for a test. */
  readonly directory?: Directory;
  /** The document that `/asyncapi.json` serves. */
  readonly asyncApi: object;
  readonly clock?: Clock;
  /** Reports which public answers have changed: without it none are kept. */
  readonly broker?: Broker;
  /** Where copies of the gateway share what they keep. */
  readonly redis?: RedisConnection | undefined;
  /** Counts requests; without it none are. */
  readonly limiter?: RateLimiter;
}

export const gateway: ServiceDefinition<GatewayDeps, typeof gatewayConfig> = {
  name: 'gateway',
  config: gatewayConfig,
  permissions: ['dead-letters:read', 'dead-letters:replay'],
  checkConfig: ({ TRUSTED_PROXIES }) => void readTrustedProxies(TRUSTED_PROXIES),
  deployment: { api: { note: 'is what the world reaches, and grows with the load. It has no database.' } },
  create: createGateway,
};

/** The one entry: operations, documents and pages of its own, and every route that a service behind it declares. */
async function createGateway(deps: GatewayDeps): Promise<Service> {
  const { log, metrics, derive, identity, asyncApi, broker, redis, limiter, clock = systemClock } = deps;
  const config = deps.config ?? loadConfig(gatewayConfig, {});
  const backends = backendsOf(deps);
  const health = async () => (await Promise.all(backends.map((backend) => backend.health()))).flat();
  const frame = createFrame(backends);
  const http = await createHttp({
    name: 'gateway',
    title: 'Stoa',
    description: 'Accounts and e-mail behind one gateway. Errors are problems by RFC 9457; the `type` of each is a page on this server.',
    version: '1.0.0',
    log,
    metrics,
    errors: deadLetterErrors.catalogue,
    tags: { 'dead letters': 'Messages that could be neither published nor handled, of all services.' },
    health,
    readinessPage: (readiness) => readinessPage(frame, readiness),
    limits: ENTRY_LIMITS,
  });
  installAccess(http, { identity, derive });
  trustProxies(http, config.TRUSTED_PROXIES);
  dropClaims(http);
  serveAssets(http);
  serveLanding(http, frame, backends);
  serveProblems(http, frame, catalogueOf(backends));
  serveDocs(http, frame);
  const responses = broker && createGatewayCache({ config, redis, clock, log, metrics });
  const limits = limiter && createLimits(limiter, identity, config);
  if (limits) countOwn(http, limits);
  serveDeadLetters(http, deps, backends);
  for (const backend of backends) dispatchTo(http, backend, { responses, limits });
  // Made once, at the first request: only then have all routes been declared.
  let openApi: object | undefined;
  http.get('/openapi.json', { schema: { hide: true } }, async () => (openApi ??= mergeOpenApi(http, backends)));
  http.get('/asyncapi.json', { schema: { hide: true } }, async () => asyncApi);
  let observing: BrokerSubscription | undefined;
  return {
    name: 'gateway',
    http: http as unknown as Service['http'],
    async start() {
      const types = responses?.types() ?? [];
      if (broker && responses && types.length > 0) observing = await broker.observe(types, responses.observer);
    },
    async stop() {
      await observing?.stop();
    },
    health,
  };
}

/** @throws Error for a service that the directory does not know. */
function backendsOf({ services, elsewhere = [], directory, derive, log }: GatewayDeps): Backend[] {
  const known = elsewhere.length === 0 ? {} : (directory ?? readDirectory());
  return [
    ...services.map(localBackend),
    ...elsewhere.map((upstream) => {
      const entry = known[upstream.name];
      if (entry === undefined) throw new Error(`The service ${upstream.name} is not in the directory: npm run reports`);
      return remoteBackend(entry, createProxy(upstream, derive, log));
    }),
  ];
}

function serveDeadLetters(http: Http, { log, derive, services, elsewhere = [] }: GatewayDeps, backends: readonly Backend[]): void {
  const names = backends.filter(({ routes }) => routes.some(({ url }) => url === DEAD_LETTERS_PATH)).map(({ name }) => name);
  if (names.length === 0) return;
  const places = new Map<string, ServiceLocation>([
    ...services.map((service): [string, ServiceLocation] => [service.name, { inject: service.http.inject.bind(service.http) }]),
    ...elsewhere.map((upstream): [string, ServiceLocation] => [upstream.name, { upstream }]),
  ]);
  const call = createCaller({ locate: (name) => places.get(name), credential: serviceCredential(derive, 'gateway') });
  deadLettersRoutes(http, { deadLetters: createAllDeadLetters(call, names, log), cursors: createCursors(derive), services: names });
}

/** All errors of the system. A code means the same wherever it is answered. */
function catalogueOf(backends: readonly Backend[]): ErrorCatalogue {
  return Object.assign({}, httpErrors.catalogue, authErrors.catalogue, deadLetterErrors.catalogue, ...backends.map(({ errors }) => errors));
}
