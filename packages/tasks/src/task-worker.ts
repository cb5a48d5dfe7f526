import { type Database, keepDailyPartitions } from '@stoa/postgres';
import { type HealthPart, type Logger, type Loop, type Metrics, startLoop } from '@stoa/service';
import { type ClaimedTask, claimTask, claimTasks, type Room } from './claim-tasks.ts';
import type { Heartbeats } from './instance.ts';
import { createLeasedWorker } from './leased-worker.ts';
import type { Outcome } from './outcome.ts';
import { reclaimTasks } from './reclaim-tasks.ts';
import { createRunTask } from './run-task.ts';
import { TASKS_CHANNEL, type Task } from './task.ts';
import { readTaskBacklog } from './task-backlog.ts';
import { checkTaskHealth } from './task-health.ts';
import { createTaskMetrics } from './task-metrics.ts';
import { forgetPauses } from './task-rows.ts';

const CONCURRENCY = 4;
/** Tasks that requests run themselves, beside those in turn. */
const MOST_INLINE = 32;
const RETENTION_DAYS = 30;
const HOUSEKEEPING_MS = 60_000;

export interface TaskWorkerOptions<Schema> {
  readonly service: string;
  /** Migrated with `messagingMigrations` and `taskMigrations`. */
  readonly database: Database<Schema>;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly instanceId: string;
  readonly tasks: readonly Task<Schema>[];
  /** `false` in a process that only answers requests: it runs nothing but what it is handed by `runNow`. */
  readonly runsBackgroundWork?: boolean;
  /** How long what was done is kept. */
  readonly retentionDays?: number;
  /** Others than our own, for tests. */
  readonly heartbeats?: Heartbeats;
}

export interface TaskWorker<Schema> {
  start(): Promise<void>;
  /** Finishes running tasks, or aborts them after 5 s. */
  stop(): Promise<void>;
  health(): Promise<HealthPart[]>;
  /**
   * Runs a task that was enqueued, and waits for it `withinMs` at most; then it goes on without. For requests that want to answer with what
   * came of it. Enqueue it with a `runAt` some seconds ahead, so that no other process is faster.
   * @returns its outcome; undefined when it was not there in time, others have the task, or too many run already.
   */
  runNow(id: string, withinMs: number): Promise<Outcome<Schema> | undefined>;
}

/** Runs the tasks of a service. @throws TypeError when two kinds have one name. */
export function createTaskWorker<Schema>(options: TaskWorkerOptions<Schema>): TaskWorker<Schema> {
  const { service, database, log, instanceId, tasks, runsBackgroundWork = true, retentionDays = RETENTION_DAYS, heartbeats } = options;
  /** By all of their names. */
  const kinds = new Map(tasks.flatMap((task) => namesOf(task).map((name) => [name, task])));
  if (kinds.size < tasks.flatMap(namesOf).length) throw new TypeError(`two tasks of ${service} have the same name`);
  const metrics = createTaskMetrics(options.metrics, service);
  const runTask = createRunTask<Schema>({ database, instanceId, log, metrics });
  /** Running in turn, by kind and destination. */
  const inProgress = new Map(tasks.map(({ name }) => [name, new Map<string, number>()]));
  const inline = new Set<string>();
  const outcomes = new Map<string, (outcome: Outcome<Schema> | undefined) => void>();
  const stops: (() => Promise<void>)[] = [];

  const rooms = (): Room[] =>
    tasks.flatMap((task) => {
      const { name: kind, version = 1, earlier = [], concurrency = CONCURRENCY, perDestination = concurrency } = task;
      const held = inProgress.get(kind) as Map<string, number>;
      const free = concurrency - sumOf(held);
      const versions = [version, ...earlier.map((one) => one.version)];
      return free > 0 ? [{ kind, names: namesOf(task), versions, free, perDestination, held }] : [];
    });

  async function run(claimed: ClaimedTask, signal: AbortSignal): Promise<boolean> {
    const result = await runTask(kinds.get(claimed.kind) as Task<Schema>, claimed, signal);
    outcomes.get(claimed.id)?.(result?.outcome);
    return result?.isQueued ?? false;
  }

  async function runInTurn(claimed: ClaimedTask, signal: AbortSignal): Promise<boolean> {
    if (inline.has(claimed.id)) return await run(claimed, signal);
    const { name, concurrency = CONCURRENCY, perDestination = concurrency } = kinds.get(claimed.kind) as Task<Schema>;
    const held = inProgress.get(name) as Map<string, number>;
    const { destination } = claimed;
    held.set(destination, (held.get(destination) ?? 0) + 1);
    try {
      return await run(claimed, signal);
    } finally {
      const count = held.get(destination) as number;
      // A free slot matters only where all of the kind, or of the destination, were taken.
      if (sumOf(held) === concurrency || count === perDestination) worker.wake();
      if (count > 1) held.set(destination, count - 1);
      else held.delete(destination);
    }
  }

  const worker = createLeasedWorker<Schema, ClaimedTask>({
    name: 'tasks',
    group: { name: `${service} tasks`, table: 'task_instances' },
    database,
    instanceId,
    log,
    heartbeats,
    concurrency: runsBackgroundWork ? tasks.reduce((sum, { concurrency = CONCURRENCY }) => sum + concurrency, 0) : 0,
    claim: (tx) => claimTasks(tx, instanceId, rooms()),
    run: runInTurn,
    reclaim: (tx, owners, except) => reclaimTasks(database, tx, owners, except),
  });

  const keepHouse = (): Loop =>
    startLoop({
      async step() {
        await forgetPauses(database.query);
        const partitions = { table: 'finished_tasks', column: 'finished_at', hours: retentionDays * 24 };
        return (await keepDailyPartitions(database, partitions, log)) ? 1 : HOUSEKEEPING_MS;
      },
      onFailure(error) {
        log.warn({ err: error }, 'housekeeping of tasks failed, will try again');
        return HOUSEKEEPING_MS;
      },
    });

  return {
    async start() {
      // Before: a start that fails half-way has to be stopped as well.
      stops.push(worker.stop);
      await worker.start();
      if (!runsBackgroundWork) return;
      stops.push(await database.listen(TASKS_CHANNEL, (kind) => void ((kind === '' || kinds.has(kind)) && worker.wake())));
      const housekeeping = keepHouse();
      stops.push(housekeeping.stop);
      const hide = metrics.expose(() => readTaskBacklog(database.query));
      stops.push(async () => hide());
    },
    async stop() {
      for (const stop of stops.splice(0).reverse()) await stop();
    },
    health: async () => [await checkTaskHealth(database.query, worker.health())],
    async runNow(id, withinMs) {
      if (inline.size >= MOST_INLINE || inline.has(id)) return undefined;
      const { promise, resolve } = Promise.withResolvers<Outcome<Schema> | undefined>();
      inline.add(id);
      outcomes.set(id, resolve);
      const timer = setTimeout(resolve, withinMs, undefined);
      void worker
        .runNow(id, (tx) => claimTask(tx, instanceId, id, [...kinds.keys()]))
        .finally(() => {
          inline.delete(id);
          outcomes.delete(id);
          resolve(undefined);
        });
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

const sumOf = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((sum, count) => sum + count, 0);

const namesOf = <Schema>({ name, formerNames = [] }: Task<Schema>): string[] => [name, ...formerNames];
