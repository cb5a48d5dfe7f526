import type { Http, HttpOptions } from '@stoa/http';
import { createMessageWriters, createMessaging, type MessageWriters, type MessagingOptions } from '@stoa/messaging';
import type { HealthPart, Service } from '@stoa/service';
import { createTasks, createTaskWorker, deadTasks, type Task, type Tasks, type TaskWorker } from '@stoa/tasks';
import type { Transaction } from 'kysely';
import { createServiceHttp } from './create-service-http.ts';
import { installDeadLetterRoutes } from './dead-letters/dead-letter-routes.ts';
import { pruneIdempotencyKeys } from './idempotency/prune-idempotency-keys.ts';
import type { ServiceDeps } from './service-deps.ts';

/** What a service is built from: its dependencies, and the outbox, jobs and tasks of its transactions. */
export interface ServiceContext<Config, Tables> extends ServiceDeps<Config, Tables>, MessageWriters<Tables> {
  /** Calls to the outside that are made if, and only if, `tx` commits. @throws TypeError for a kind that is not among `tasks`. */
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
  /** The kinds of calls to the outside that it makes; those that its transactions enqueue. */
  readonly tasks?: readonly Task<Tables>[];
  /** Declares the service's routes. @param running its `runNow` runs one task inside of a request. */
  routes(http: Http, running: Pick<TaskWorker<Tables>, 'runNow'>): void;
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
  const declared = new Set<string>();
  const built = build({
    ...deps,
    ...createMessageWriters(name, database),
    tasks: (tx) => onlyDeclared(createTasks(database, tx), declared),
  });
  const { routes, consumers = [], jobs = [], crons = [], tasks = [] } = built;
  for (const task of tasks) declared.add(task.name);
  const worker = createTaskWorker<Tables>({ ...deps, service: name, tasks });
  // A service without calls to the outside has no worker to show.
  const parts: readonly Part[] = [...(built.parts ?? []), ...(tasks.length > 0 ? [worker] : [])];
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
  routes(http, worker);
  installDeadLetterRoutes(http, messaging.deadLetters);
  return { name, http, health, ...inOrder([...parts, messaging]) };
}

/** A kind that was forgotten among `tasks` would be enqueued, and run by nobody. */
function onlyDeclared(tasks: Tasks, declared: ReadonlySet<string>): Tasks {
  return {
    enqueue(kind, ...given) {
      if (!declared.has(kind.name)) throw new TypeError(`the task ${kind.name} is not among the tasks of the service`);
      return tasks.enqueue(kind, ...given);
    },
  };
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
