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
import { installEdge } from './edge.ts';
import { installEnding } from './ending.ts';
import { acceptJsonOnly } from './json-body.ts';
import { installOperations } from './operations.ts';
import { commonProblems } from './problem.ts';
import { answerClientError, installRefusals, sendProblem } from './refusals.ts';
import { createRequestLog } from './request-log.ts';
import { toAppError } from './to-app-error.ts';
import { createValidatorCompiler, refuseOpenSchemas, type TypeBoxProvider } from './validation.ts';

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
  readonly health: () => Promise<readonly HealthPart[]>;
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
    /** The errors that the routes of this instance can answer with, the house's not counted. */
    readonly errorCatalogue: ErrorCatalogue;
    readonly serviceName: string;
    /** Every route of this instance, in the order of declaration. */
    readonly declaredRoutes: readonly DeclaredRoute[];
  }
}

export interface DeclaredRoute {
  readonly method: string;
  readonly url: string;
}

/** Limits of one request. A slow or endless client is cut off before it holds anything. */
const LIMITS = {
  bodyLimit: 1_048_576,
  requestTimeout: 30_000,
  keepAliveTimeout: 72_000,
  http: { maxHeaderSize: 16_384, headersTimeout: 15_000, connectionsCheckingInterval: 2_000 },
};

/** An instance of Fastify with the defaults of the house; see README.md for what they are. Routes are added to what it resolves to. */
export async function createHttp({ name, title, description, version, log, metrics, errors, health }: HttpOptions): Promise<Http> {
  const http = fastify({
    ...LIMITS,
    logger: false,
    return503OnClosing: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 200, ignoreTrailingSlash: false },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => void sendProblem(request, reply, toAppError(error), log),
  }).withTypeProvider<TypeBoxProvider>();
  http.decorate('errorCatalogue', errors);
  http.decorate('serviceName', name);
  const declaredRoutes: DeclaredRoute[] = [];
  http.decorate('declaredRoutes', declaredRoutes);
  http.addHook('onRoute', ({ url, method }) => void declaredRoutes.push(...[method].flat().map((each) => ({ method: each, url }))));
  installEnding(http);
  http.setValidatorCompiler(createValidatorCompiler());
  installEdge(http, name, createRequestLog(log, metrics));
  installRefusals(http, log);
  acceptJsonOnly(http);
  refuseOpenSchemas(http);
  http.addHook('onRoute', (route) => {
    if (route.schema?.response) route.schema.response = { ...commonProblems, ...(route.schema.response as object) };
  });
  await http.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, description, version },
      components: {
        securitySchemes: {
          basic: { type: 'http', scheme: 'basic' },
          bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        },
      },
    },
  });
  installOperations(http, health, metrics);
  return http;
}
