import type { Database } from '@stoa/postgres';
import { type HealthPart, type Logger, type Loop, startLoop, withTimeout } from '@stoa/service';
import type { Transaction } from 'kysely';
import { createInstance, type InstanceOptions } from './instance.ts';

/** After an error, most likely of the database. */
const RECOVER_MS = 1_000;
/** The longest that a timer takes. */
const FOREVER_MS = 2 ** 31 - 1;
/** How long a stop lets running tasks finish. */
const GRACE_MS = 5_000;

/** What a claim took, and when to claim again. */
export interface Claim<Task> {
  /** In the order in which they begin. */
  readonly claimed: readonly Task[];
  /** Milliseconds until the next claim, unless it is woken before; 0: there may be more right now. */
  readonly waitMs: number;
  /** A pace, and not the queue, is what to wait for: more tasks are no reason to claim earlier. */
  readonly paced?: boolean;
}

export interface LeasedWorkerOptions<Schema, Task extends { readonly id: string }>
  extends Pick<InstanceOptions<Schema>, 'group' | 'reclaim' | 'heartbeats'> {
  /** Of its part in health. */
  readonly name: string;
  readonly database: Database<Schema>;
  readonly instanceId: string;
  readonly log: Logger;
  /** Most tasks at once in this process; 0 in one that only runs what it is handed by `runNow`. */
  readonly concurrency: number;
  /**
   * Takes up to `most` tasks for this instance, which becomes their owner. The transaction is short, and a fencing number of each task is
   * raised by it.
   */
  claim(tx: Transaction<Schema>, most: number): Promise<Claim<Task>>;
  /**
   * Takes a task to its end, or back to the queue, outside of any transaction. Each statement that says so asks for owner and fencing number:
   * others may have the task by then.
   * @param signal aborted when the process has to end now. @returns whether the task is in the queue again. @throws when what became of it
   * could not be written down: then it is reclaimed.
   */
  run(task: Task, signal: AbortSignal): Promise<boolean>;
}

export interface LeasedWorker<Schema, Task> {
  start(): Promise<void>;
  /** There may be something to claim; `isPaceChanged`: perhaps before the time that the last claim returned. */
  wake(isPaceChanged?: boolean): void;
  /** Claims one task out of turn, beside `concurrency`, and runs it. @returns false when `claim` found it taken, or this process is ending. */
  runNow(id: string, claim: (tx: Transaction<Schema>) => Promise<Task | undefined>): Promise<boolean>;
  /** Claims nothing more, and resolves when nothing is in progress: what takes too long is aborted. */
  stop(): Promise<void>;
  health(): HealthPart;
}

/**
 * Runs tasks that are rows of a table: claims them as fast as `claim` allows and runs each without waiting for it. The process
 * holds a lease on its tasks and renews it. The tasks of a process that died, or that lost the answer to a claim, are reclaimed.
 */
export function createLeasedWorker<Schema, Task extends { readonly id: string }>(
  options: LeasedWorkerOptions<Schema, Task>,
): LeasedWorker<Schema, Task> {
  const { name, database, instanceId: id, log, concurrency, claim, run } = options;
  const instance = createInstance({ ...options, id });
  const inProgress = new Map<string, Promise<void>>();
  const ending = new AbortController();
  /** Of those that were claimed in turn. */
  let running = 0;
  /** Tasks may be ours that we do not know of: the answer to a claim was lost, or the end of a task could not be written down. */
  let isUnsure = false;
  let isPaced = false;
  let isStopping = false;
  let trouble: string | undefined;
  let loop: Loop | undefined;

  function wake(isPaceChanged = false): void {
    if (!isPaced || isPaceChanged) loop?.wake();
  }

  /** In progress from now on, before `work` claims it: nothing else here takes it for lost. */
  function take(task: string, work: () => Promise<boolean>): Promise<void> {
    const ended = work()
      .then((isQueued) => {
        // It comes again sooner, perhaps, than the last claim could know.
        if (isQueued) wake();
      })
      .catch((error) => {
        isUnsure = true;
        log.error({ err: error, task, worker: name }, 'a task could not be completed, will be reclaimed');
      })
      .finally(() => {
        // It may be in progress again.
        if (inProgress.get(task) === ended) inProgress.delete(task);
        // Not before: what is still in progress is not reclaimed. No pace delays it.
        if (isUnsure) wake(true);
      });
    inProgress.set(task, ended);
    return ended;
  }

  async function runInTurn(task: Task): Promise<boolean> {
    running += 1;
    try {
      return await run(task, ending.signal);
    } finally {
      running -= 1;
      // A free slot matters only where all were taken.
      if (running === concurrency - 1) wake();
    }
  }

  const claimHeld = <T>(work: (tx: Transaction<Schema>) => Promise<T>): Promise<T> =>
    database.transaction(async (tx) => {
      await instance.hold(tx);
      return await work(tx);
    });

  const claimInTurn = (free: number): Promise<Claim<Task>> =>
    free > 0 ? claimHeld((tx) => claim(tx, free)) : Promise.resolve({ claimed: [], waitMs: FOREVER_MS });

  async function reclaimUnknown(): Promise<void> {
    isUnsure = false;
    const tasks = await instance.reclaimOwn(() => [...inProgress.keys()]);
    if (tasks > 0) log.warn({ tasks, worker: name }, 'tasks unknown to this process were put back into the queue');
  }

  /** One claim. @returns milliseconds until the next one. */
  async function step(): Promise<number> {
    isPaced = false;
    if (isUnsure) await reclaimUnknown();
    const { claimed, waitMs, paced = false } = await claimInTurn(concurrency - running);
    for (const task of claimed) void take(task.id, () => runInTurn(task));
    isPaced = paced;
    trouble = undefined;
    return waitMs;
  }

  return {
    wake,
    async start() {
      await instance.start();
      loop = startLoop({
        step,
        onFailure(error) {
          isUnsure = true;
          trouble = error instanceof Error ? error.message : String(error);
          log.error({ err: error, worker: name }, 'no task could be claimed');
          return RECOVER_MS;
        },
      });
    },
    async runNow(task, claimIt) {
      if (isStopping || inProgress.has(task)) return false;
      let isOurs = false;
      await take(task, async () => {
        const claimed = await claimHeld(claimIt);
        isOurs = claimed !== undefined;
        return claimed === undefined ? false : await run(claimed, ending.signal);
      });
      return isOurs;
    },
    async stop() {
      isStopping = true;
      const stopped = (async () => {
        await loop?.stop();
        await Promise.all(inProgress.values());
      })();
      await withTimeout(stopped, GRACE_MS, () => {});
      ending.abort();
      await stopped;
      await instance.stop();
    },
    health: () => ({
      name,
      background: true,
      ok: loop !== undefined && trouble === undefined,
      ...(loop === undefined ? { detail: 'not started' } : trouble !== undefined && { detail: trouble }),
    }),
  };
}
