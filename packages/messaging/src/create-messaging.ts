import type { Database } from '@stoa/postgres';
import { createSemaphore, findFault, type HealthPart, type Logger, type Loop, type Metrics, startLoop } from '@stoa/service';
import { exposeBacklog, readBacklog } from './backlog.ts';
import type { Broker } from './broker.ts';
import { type CronJob, declareCrons, keepCrons, runCrons } from './cron.ts';
import { createDeadLetters, type DeadLetterSource, type DeadLetters } from './dead-letters.ts';
import { createHandlers } from './handlers.ts';
import { checkHealth } from './health.ts';
import { createInbox, INBOX_CHANNEL } from './inbox.ts';
import { createMarks } from './inbox-marks.ts';
import { isJob } from './job-consumer.ts';
import { COPIES_CHANNEL, createLiveCopies, findUnclaimed, type LiveCopies, type Unclaimed } from './live-copies.ts';
import { createMessageWriters } from './message-writers.ts';
import { createObserve } from './metrics.ts';
import { prune } from './prune.ts';
import { createRelay } from './relay.ts';
import { keepSent } from './sent-rows.ts';
import { checkSettings, defaultSettings, type MessagingSettings } from './settings.ts';
import { type Consumer, type Cron, type Job, MisfitError } from './types.ts';
import { createUnsent } from './unsent.ts';
import { startWorker } from './worker.ts';

export interface MessagingOptions<Schema> {
  /** The service's name: source of what it publishes, and the name it subscribes under. */
  readonly service: string;
  /** The service's own database, migrated with `messagingMigrations`. */
  readonly database: Database<Schema>;
  readonly broker: Broker;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly consumers: readonly Consumer<Schema>[];
  readonly jobs: readonly Job<Schema>[];
  readonly crons: readonly Cron[];
  /** Names this process in the log, where copies of a service run side by side. */
  readonly instanceId: string;
  /** `false` in a process that only answers requests: it appends and enqueues, and others relay and handle. */
  readonly runsBackgroundWork?: boolean;
  readonly settings?: Partial<MessagingSettings>;
  /** Other tables of the database that have dead letters. */
  readonly deadLetterSources?: readonly DeadLetterSource[];
}

/** What relays and handles; what is relayed and handled is written by `createMessageWriters`. */
export interface Messaging {
  /** Subscribes, relays, handles, unless `runsBackgroundWork` is false. */
  start(): Promise<void>;
  /** Finishes what is in progress. */
  stop(): Promise<void>;
  health(): Promise<HealthPart[]>;
  readonly deadLetters: DeadLetters;
}

/** The folder of migrations that a service's database needs before the service's own. */
export const messagingMigrations = new URL('../migrations/', import.meta.url);

/** @throws TypeError or RangeError when the declarations or settings contradict each other. */
export function createMessaging<Schema>(options: MessagingOptions<Schema>): Messaging {
  const {
    service,
    database,
    broker,
    log,
    metrics,
    consumers,
    jobs,
    crons,
    instanceId,
    runsBackgroundWork = true,
    deadLetterSources: sources = [],
  } = options;
  const settings = checkSettings({ ...defaultSettings, ...options.settings });
  const cronJobs = toCronJobs(crons, jobs);
  const observe = createObserve(metrics, service);
  const marks = createMarks(database.query);
  const inbox = createInbox(database, consumers, log, (message) => copies.consumersOf(message));
  const handlers = createHandlers(consumers, jobs, crons, inbox, createMessageWriters(service, database).jobs);
  const names = handlers.map(({ name }) => name);
  const copies: LiveCopies = createLiveCopies(
    database.query,
    instanceId,
    handlers.flatMap(({ takes }) => takes),
  );
  let unclaimed: readonly Unclaimed[] = [];
  const relay = createRelay({ service, database, broker, log, instanceId, settings, published: observe.published });
  const readUnsent = createUnsent(database.query);
  const stops: (() => Promise<void>)[] = [];

  async function start(): Promise<void> {
    if (!runsBackgroundWork) return;
    const semaphores = { consumers: createSemaphore(settings.consumerWorkers), jobs: createSemaphore(settings.jobWorkers) };
    const workers = new Map<string, Loop>();
    const readAll = async () => ({ ...(await readBacklog(database.query, names, marks, readUnsent)), unclaimed });
    const hideBacklog = exposeBacklog(metrics, service, readAll);
    stops.push(async () => hideBacklog());
    stops.push(
      await database.listen(INBOX_CHANNEL, (name) => {
        // Without a name after a reconnect, when anything may have been missed.
        for (const worker of name === '' ? workers.values() : [workers.get(name)]) worker?.wake();
      }),
    );
    await copies.announce();
    database.notify(COPIES_CHANNEL);
    stops.push(async () => {
      await copies.leave();
      database.notify(COPIES_CHANNEL);
    });
    await copies.pullForward(new MisfitError().name);
    for (const handler of handlers)
      workers.set(
        handler.name,
        startWorker({
          handler,
          database,
          semaphore: isJob(handler.name) ? semaphores.jobs : semaphores.consumers,
          marks,
          copies,
          log,
          settings,
          observe,
        }),
      );
    stops.push(() => stopAll([...workers.values()]));
    stops.push(await startChores());
    await relay.start();
    stops.push(relay.stop);
    if (consumers.length > 0) {
      const types = [...new Set(consumers.map(({ event }) => event.name))];
      stops.push((await broker.subscribe(service, types, inbox.accept)).stop);
    }
  }

  async function startChores(): Promise<() => Promise<void>> {
    const onFailure = (error: unknown): number => {
      log.warn({ err: error }, 'a chore failed, will try again');
      return settings.pollMs;
    };
    const every = (milliseconds: number, work: () => Promise<unknown>) =>
      startLoop({ step: async () => ((await work()) === true ? 1 : milliseconds), onFailure });
    const announcing = every(settings.announceMs, copies.announce);
    const stopListening = await database.listen(COPIES_CHANNEL, announcing.wake);
    const loops = [
      announcing,
      every(settings.pruneEveryMs, () => prune(database.query, settings)),
      every(settings.pruneEveryMs, () => keepSent(database, settings.outboxRetentionHours, log)),
      every(settings.pruneEveryMs, async () => {
        unclaimed = await findUnclaimed(database.query);
      }),
      every(settings.pruneEveryMs, () => keepCrons(database.query, crons)),
    ];
    if (crons.length > 0) {
      const formerNames = jobs.flatMap((job) => job.formerNames ?? []);
      await declareCrons(database.query, crons, formerNames);
      loops.push(startLoop({ step: async () => Math.min(await runCrons(database, service, cronJobs), settings.pollMs), onFailure }));
    }
    return async () => {
      await stopListening();
      await stopAll(loops);
    };
  }

  return {
    start,
    async stop() {
      for (const stop of stops.splice(0).reverse()) await stop();
    },
    health: () => checkHealth({ db: database.query, consumers: names, marks, relay, readUnsent, unclaimed }),
    deadLetters: createDeadLetters({ database, log, longestReplayHours: settings.longestReplayHours, sources }),
  };
}

const stopAll = async (loops: readonly Loop[]): Promise<void> => {
  await Promise.all(loops.map((loop) => loop.stop()));
};

/** @throws TypeError when a cron enqueues what no job takes. */
const toCronJobs = <Schema>(crons: readonly Cron[], jobs: readonly Job<Schema>[]): CronJob[] =>
  crons.map(({ job: name }) => {
    const job = jobs.find((declared) => declared.name === name);
    if (job === undefined) throw new TypeError(`cron enqueues ${name}, which is no declared job`);
    if (findFault(job.data, {}) !== undefined) throw new TypeError(`cron enqueues ${name} with {}, which its schema refuses`);
    return { job: name, version: job.version ?? 1 };
  });
