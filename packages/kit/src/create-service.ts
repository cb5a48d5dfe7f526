import { type Http, type HttpOptions, problems } from '@stoa/http';
import { createMessaging, installDeadLetterRoutes, type Messaging, type MessagingOptions } from '@stoa/messaging';
import type { Service } from '@stoa/service';
import { createServiceHttp } from './create-service-http.ts';
import type { ServiceDeps } from './service-deps.ts';

type Deps<Config, Tables> = Omit<ServiceDeps<Config, Tables>, 'locate' | 'limiter' | 'redis'>;
export type Boxes<Tables> = Pick<Messaging<Tables>, 'outbox' | 'jobs'>;

export interface Parts<Tables> extends Partial<Pick<MessagingOptions<Tables>, 'consumers' | 'jobs' | 'crons'>> {
  /** Declares the service's routes. */
  routes(http: Http): void;
}

/**
 * A service that has a database, routes and events, and nothing else that starts or stops.
 * @param build makes its parts; the boxes may be used once it has returned.
 */
export async function createService<Config, Tables>(
  deps: Deps<Config, Tables>,
  about: Omit<HttpOptions, 'log' | 'metrics' | 'health' | 'commonErrors'>,
  build: (boxes: Boxes<Tables>) => Parts<Tables>,
): Promise<Service> {
  const { database } = deps;
  const {
    consumers = [],
    jobs = [],
    crons = [],
    routes,
  } = build({ outbox: (tx) => messaging.outbox(tx), jobs: (tx) => messaging.jobs(tx) });
  const messaging = createMessaging<Tables>({ ...deps, service: about.name, consumers, jobs, crons });
  const health = async () => (await Promise.all([database.health(), messaging.health()])).flat();
  const http = await createServiceHttp(deps, { ...about, health });
  routes(http);
  installDeadLetterRoutes(http, messaging.deadLetters, problems);
  return { name: about.name, http, start: messaging.start, stop: messaging.stop, health };
}
