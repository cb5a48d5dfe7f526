import type { Http, HttpOptions } from '@stoa/http';
import { createMessageWriters, createMessaging, type MessageWriters, type MessagingOptions } from '@stoa/messaging';
import type { HealthPart, Service } from '@stoa/service';
import { createTasks, deadTasks, type Tasks } from '@stoa/tasks';
import type { Transaction } from 'kysely';
import { createServiceHttp } from './create-service-http.ts';
import { installDeadLetterRoutes } from './dead-letters/dead-letter-routes.ts';
import { pruneIdempotencyKeys } from './idempotency/prune-idempotency-keys.ts';
import type { ServiceDeps } from './service-deps.ts';

/** What a service is built from: its dependencies, and the outbox, jobs and tasks of its transactions. */
export interface ServiceContext<Config, Tables> extends ServiceDeps<Config, Tables>, MessageWriters<Tables> {
  /** Calls to the outside that are made if, and only if, `tx` commits: by the part that `createTaskWorker` makes. */
  tasks(tx: Transaction<Tables>): Tasks;
}

/** Something of a service that starts and stops, or has a health of its own, besides its routes and messages. */
export interface Part {
  start?(): Promise<void>;
  /** Finishes work in progress; also after a start that failed. */
  stop?(): Promise<void>;
  health?(): readonly HealthPart[] | Promise<readonly HealthPart[]>;
}

export interface ServiceParts<Tables> extends Partial<Pick<MessagingOptions<Tables>, 'consumers' | 'jobs' | 'crons'>> {
  /** Declares the service's routes. */
  routes(http: Http): void;
  /** In the order in which they start. Messages are handled when all of them have started; all stop in the reverse order. */
  readonly parts?: readonly Part[];
}

/** How a service describes itself in its OpenAPI document, with the errors and tags of its routes. */
export type ServiceDescription = Omit<HttpOptions, 'log' | 'metrics' | 'health' | 'commonErrors'>;

/**
 * The one way to make a service. It has a database, HTTP with access and idempotency, messages, dead letters and health; `build` says
 * what it does with them. Nothing is opened or started before `start`.
 */
export async function createService<Config, Tables>(
  deps: ServiceDeps<Config, Tables>,
  description: ServiceDescription,
  build: (context: ServiceContext<Config, Tables>) => ServiceParts<Tables>,
): Promise<Service> {
  const { database, clock } = deps;
  const { name } = description;
  const tasks = (tx: Transaction<Tables>) => createTasks(database, tx);
  const { routes, consumers = [], jobs = [], crons = [], parts = [] } = build({ ...deps, ...createMessageWriters(name, database), tasks });
  const pruneKeys = pruneIdempotencyKeys<Tables>(clock);
  const messaging = createMessaging<Tables>({
    ...deps,
    service: name,
    consumers,
    jobs: [...jobs, pruneKeys],
    crons: [...crons, { job: pruneKeys.name, everySeconds: 60 }],
    deadLetterSources: [deadTasks],
  });
  const health = async () =>
    (await Promise.all([database.health(), messaging.health(), ...parts.map((part) => part.health?.() ?? [])])).flat();
  const http = await createServiceHttp(deps, { ...description, health });
  routes(http);
  installDeadLetterRoutes(http, messaging.deadLetters);
  return { name, http, health, ...inOrder([...parts, messaging]) };
}

/** Starts one after the other, and stops in the reverse order those whose start was begun: one that cannot stop keeps no other from it. */
function inOrder(parts: readonly Pick<Part, 'start' | 'stop'>[]): Pick<Service, 'start' | 'stop'> {
  const begun: Pick<Part, 'stop'>[] = [];
  return {
    async start() {
      for (const part of parts) {
        begun.unshift(part);
        await part.start?.();
      }
    },
    async stop() {
      const failures: unknown[] = [];
      for (const part of begun.splice(0)) await part.stop?.().catch((error: unknown) => failures.push(error));
      if (failures.length > 0) throw failures[0];
    },
  };
}
