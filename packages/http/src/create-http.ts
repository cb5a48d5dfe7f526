import swagger from '@fastify/swagger';
import type { ErrorCatalogue, HealthPart, Logger, Metrics } from '@stoa/service';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  fastify,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify';
import { idNamesIn, installCacheRules } from './cache-rule.ts';
import { edgeOf, installEdge, NO_ROUTE } from './edge.ts';
import { installEnding } from './ending.ts';
import { installNotModified } from './entity-tags.ts';
import { refuseUnkeptIdempotency } from './idempotency.ts';
import { acceptJsonOnly } from './json-body.ts';
import type { DeclaredRoute } from './methods-of.ts';
import { describeRoutes } from './open-api/document.ts';
import { installOperations, type Readiness } from './operations.ts';
import { commonProblems, mergeProblems } from './problem.ts';
import { createClientErrorHandler, installRefusals, sendProblem } from './refusals.ts';
import { createRequestLog } from './request-log.ts';
import { buildSerializer } from './serialization.ts';
import { installSuccessStatus } from './success-status.ts';
import { toAppError } from './to-app-error.ts';
import { installValidation, refuseOpenSchemas, type TypeBoxProvider } from './validation.ts';

export interface HttpOptions {
  /** The service's name. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly version: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The service's own errors; their pages are made from it. */
  readonly errors: ErrorCatalogue;
  /** More errors that any of its routes can answer with, and that none has to name: those of its database for example. */
  readonly commonErrors?: ErrorCatalogue;
  readonly health: () => Promise<readonly HealthPart[]>;
  /** What the tags of its routes are about, for the description. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Shows `/health/ready` to clients that ask for HTML first; JSON by default. */
  readonly readinessPage?: (readiness: Readiness) => string;
  /** Other limits than those of a service: `ENTRY_LIMITS` at the gateway, short ones in tests. */
  readonly limits?: Partial<typeof LIMITS>;
}

export type Http = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxProvider
>;

declare module 'fastify' {
  interface FastifyInstance {
    /** The errors that the routes of this instance can answer with, those of the platform not counted. */
    readonly errorCatalogue: ErrorCatalogue;
    readonly serviceName: string;
    /** The sources of the parts of `/health/ready`: the service, and what is added before the first request. */
    readonly healthSources: (() => Promise<readonly HealthPart[]>)[];
    /** Every route of this instance, in the order of declaration. */
    readonly declaredRoutes: readonly DeclaredRoute[];
  }
}

/** How long a close may take; orchestrators that stop a process rely on it. */
export const CLOSE_MS = 10_000;

/** Bytes of a body, where its route does not say `bodyLimit`: small, so that a new route is safe by default. */
export const BODY_BYTES = 16_384;

/** Limits of one request. A slow or endless client is cut off before it holds anything. */
const LIMITS = {
  /** Bytes of a body, where its route does not say `bodyLimit`. */
  bodyBytes: BODY_BYTES,
  /** Bytes of all headers, with the request line: what the gateway lets through and adds, and room to spare. */
  headerBytes: 49_152,
  /** Headers: as above. */
  headers: 2_000,
  /** From the first byte of a request to the end of its headers. */
  headersMs: 15_000,
  /** From the first byte of a request to the last of its body. */
  requestMs: 30_000,
  /** How long an idle connection is kept: more than the 60 s of usual load balancers. */
  keepAliveMs: 72_000,
  /** How often the time limits are checked: one may be exceeded by so much. */
  checkMs: 2_000,
  closeHalfMs: 3_000,
  closeMs: CLOSE_MS,
};

/**
 * The limits of the entry to the system that differ from those of a service behind it. A service that refused what the entry admits
 * would do so unread, by hanging up: a client that sent such requests would make it look broken to the gateway.
 */
export const ENTRY_LIMITS = { headerBytes: 16_384, headers: 1_000 };

const PLATFORM_TAGS = { operations: 'The state of the process: health, metrics, explanations of errors.' };

/** An instance of Fastify with our defaults; see README.md for what they are. Routes are added to what it resolves to. */
export async function createHttp(options: HttpOptions): Promise<Http> {
  const { name, title, description, version, log, metrics, errors, commonErrors = {}, health, tags = {}, readinessPage } = options;
  const limits = { ...LIMITS, ...options.limits };
  const http = fastify({
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    http: {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      connectionsCheckingInterval: limits.checkMs,
      // Node's own refusal has no body; `installEdge` gives a problem.
      requireHostHeader: false,
    },
    logger: false,
    schemaController: { compilersFactory: { buildSerializer } },
    // Fastify's own answer while closing is no problem by RFC 9457; `installEnding` gives one.
    return503OnClosing: false,
    exposeHeadRoutes: true,
    routerOptions: { maxParamLength: 200, ignoreTrailingSlash: false },
    clientErrorHandler: createClientErrorHandler(log),
    frameworkErrors: (error, request, reply) => {
      if (edgeOf(request.raw) === undefined) openEdge(request.raw, reply.raw, NO_ROUTE);
      sendProblem(request, reply, toAppError(error), log);
    },
  }).withTypeProvider<TypeBoxProvider>();
  http.server.maxHeadersCount = limits.headers;
  // An expectation other than 100-continue may be ignored (RFC 9110 §10.1.1), which is better than Node's empty 417.
  http.server.on('checkExpectation', (request, response) => http.server.emit('request', request, response));
  http.decorate('errorCatalogue', { ...commonErrors, ...errors });
  http.decorate('serviceName', name);
  const declaredRoutes: DeclaredRoute[] = [];
  http.decorate('declaredRoutes', declaredRoutes);
  http.addHook('onRoute', ({ url, method, config, bodyLimit, schema }) => {
    const { cache, idempotent, waitSeconds } = config ?? {};
    const terms = {
      ...(cache && { cache, ids: idNamesIn(schema) }),
      ...(idempotent && { idempotent }),
      ...(waitSeconds && { waitSeconds }),
    };
    declaredRoutes.push(...[method].flat().map((each) => ({ method: each, url, ...terms, ...(bodyLimit && { bodyLimit }) })));
  });
  const openEdge = installEdge(http, name, createRequestLog(log, metrics));
  installEnding(http, limits);
  installRefusals(http, log);
  acceptJsonOnly(http);
  installValidation(http);
  refuseOpenSchemas(http);
  refuseUnkeptIdempotency(http);
  installNotModified(http);
  installCacheRules(http);
  installSuccessStatus(http);
  http.addHook('onRoute', (route) => {
    const { schema } = route;
    if (schema?.response) schema.response = mergeProblems(commonProblems(route, commonErrors), schema.response);
  });
  await http.register(swagger, {
    ...describeRoutes(),
    openapi: {
      openapi: '3.1.0',
      info: { title, description, version },
      servers: [{ url: '/' }],
      tags: Object.entries({ ...tags, ...PLATFORM_TAGS }).map(([name, description]) => ({ name, description })),
      components: {
        securitySchemes: {
          basic: { type: 'http', scheme: 'basic', description: 'E-mail address and password of an account.' },
          bearer: {
            type: 'http',
            scheme: 'bearer',
            description: 'The `accessToken` that `POST /v1/sessions` answers, or the API key of a service account (`stoa_sk_…`).',
          },
          service: {
            type: 'apiKey',
            in: 'header',
            name: 'Authorization',
            description: 'The credential of a service, derived from `STOA_SECRET`.',
          },
        },
      },
    },
  });
  http.decorate('healthSources', [health]);
  const allHealth = async () => (await Promise.all(http.healthSources.map((ask) => ask()))).flat();
  installOperations(http, { health: allHealth, metrics, readinessPage });
  return http;
}
