import { type DeclaredRoute, type Http, type OpenApiDocument, openApiOf } from '@stoa/http';
import type { ErrorCatalogue, HealthPart, Service } from '@stoa/service';
import type { onRequestHookHandler } from 'fastify';

/** A service as the gateway sees it, wherever it runs. */
export interface Backend {
  readonly name: string;
  readonly isElsewhere: boolean;
  readonly routes: readonly DeclaredRoute[];
  readonly errors: ErrorCatalogue;
  /** To be called once all routes have been declared. */
  openApi(): OpenApiDocument;
  /** The last hook of each of its routes: hands the request over, and does not call `done`. */
  handOver(route: DeclaredRoute): onRequestHookHandler;
  /** Its health, with its name before each part. */
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
        // A service that does not answer must not hide the others.
        return [{ name, ok: false, detail: 'could not be asked' }];
      }
    },
  };
}
