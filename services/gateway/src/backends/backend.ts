import { type DeclaredRoute, type Http, type OpenApiDocument, openApiOf } from '@stoa/http';
import type { ErrorCatalogue, HealthPart, Service } from '@stoa/service';
import type { onRequestHookHandler } from 'fastify';

/** A service as the gateway sees it, wherever it runs. */
export interface Backend {
  readonly name: string;
  readonly isElsewhere: boolean;
  readonly routes: readonly DeclaredRoute[];
  readonly errors: ErrorCatalogue;
  /** To be asked once all routes have been declared. */
  openApi(): OpenApiDocument;
  /** The last hook of a route of its: hands the request over, and is not done. */
  handOver(route: DeclaredRoute): onRequestHookHandler;
  /** How it is, with its name before each part. */
  health(): Promise<readonly HealthPart[]>;
}

/** One that runs in this process: its instance gets the raw request, as fast as if it had listened itself. */
export function localBackend(service: Service): Backend {
  const { name } = service;
  const http = service.http as Http;
  return {
    name,
    isElsewhere: false,
    routes: http.declaredRoutes,
    errors: http.errorCatalogue,
    openApi: () => openApiOf(http),
    handOver: () => (request, reply) => {
      reply.hijack();
      http.routing(request.raw, reply.raw);
    },
    async health() {
      try {
        return (await service.health()).map((part) => ({ ...part, name: `${name}: ${part.name}` }));
      } catch {
        // One that cannot even be asked hides none of the others.
        return [{ name, ok: false, detail: 'could not be asked' }];
      }
    },
  };
}
