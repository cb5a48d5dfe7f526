import { authErrors, type Identity, installAccess, serviceCredential } from '@stoa/auth';
import { createCaller, createCursors, createHttp, type Http, httpErrors } from '@stoa/http';
import { DEAD_LETTERS_PATH, deadLetterErrors } from '@stoa/messaging';
import type { DeriveKey, ErrorCatalogue, HealthPart, Logger, Metrics, Service, ServiceDefinition } from '@stoa/service';
import { Type } from 'typebox';
import { createAllDeadLetters } from './dead-letters/all-dead-letters.ts';
import { deadLettersRoutes } from './dead-letters/dead-letters.routes.ts';
import { dispatchTo, dropForgedHeaders } from './dispatch.ts';
import { serveDocs } from './docs.ts';
import { mergeOpenApi } from './open-api.ts';
import { serveAssets } from './pages/assets.ts';
import { createFrame } from './pages/frame.ts';
import { serveLanding } from './pages/landing.ts';
import { readinessPage } from './pages/readiness.ts';
import { serveProblems } from './problems.ts';

export const gatewayConfig = Type.Object({});

export interface GatewayDeps {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly derive: DeriveKey;
  /** What this process knows of who may come in. */
  readonly identity: Identity;
  /** The services behind it, all in this process so far. */
  readonly services: readonly Service[];
  /** The document that `/asyncapi.json` serves. */
  readonly asyncApi: object;
}

export const gateway: ServiceDefinition<GatewayDeps, typeof gatewayConfig> = {
  name: 'gateway',
  config: gatewayConfig,
  create: createGateway,
};

/** The one entry: operations, documents and pages of its own, and every route that a service behind it declares. */
async function createGateway({ log, metrics, derive, identity, services, asyncApi }: GatewayDeps): Promise<Service> {
  const health = async () => [identity.health(), ...(await healthOf(services))];
  const frame = createFrame(services);
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
  });
  installAccess(http, { identity, derive });
  dropForgedHeaders(http);
  serveAssets(http);
  serveLanding(http, frame, services);
  serveProblems(http, frame, catalogueOf(services));
  serveDocs(http, frame);
  serveDeadLetters(http, { log, derive, services });
  for (const service of services) dispatchTo(http, service);
  // Made once, at the first question: only then have all routes been declared.
  let openApi: object | undefined;
  http.get('/openapi.json', { schema: { hide: true } }, async () => (openApi ??= mergeOpenApi(http, services)));
  http.get('/asyncapi.json', { schema: { hide: true } }, async () => asyncApi);
  return { name: 'gateway', http: http as unknown as Service['http'], start: async () => {}, stop: async () => {}, health };
}

function serveDeadLetters(http: Http, { log, derive, services }: Pick<GatewayDeps, 'log' | 'derive' | 'services'>): void {
  const having = services.filter(({ http }) => (http as Http).declaredRoutes.some(({ url }) => url === DEAD_LETTERS_PATH));
  if (having.length === 0) return;
  const locate = (name: string) => having.find((service) => service.name === name)?.http;
  const call = createCaller({ locate, credential: serviceCredential(derive, 'gateway') });
  const names = having.map(({ name }) => name);
  deadLettersRoutes(http, { deadLetters: createAllDeadLetters(call, names, log), cursors: createCursors(derive), services: names });
}

/** One that cannot even be asked hides none of the others. */
async function healthOf(services: readonly Service[]): Promise<HealthPart[]> {
  const parts = await Promise.all(services.map(partsOf));
  return parts.flat();
}

async function partsOf(service: Service): Promise<readonly HealthPart[]> {
  try {
    return (await service.health()).map((part) => ({ ...part, name: `${service.name}: ${part.name}` }));
  } catch {
    return [{ name: service.name, ok: false, detail: 'could not be asked' }];
  }
}

/** All errors of the house. A code means the same wherever it is answered. */
function catalogueOf(services: readonly Service[]): ErrorCatalogue {
  return Object.assign(
    {},
    httpErrors.catalogue,
    authErrors.catalogue,
    deadLetterErrors.catalogue,
    ...services.map(({ http }) => (http as Http).errorCatalogue),
  );
}
