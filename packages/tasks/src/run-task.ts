import { readData } from '@stoa/messaging';
import type { Database } from '@stoa/postgres';
import { inReceivedSpan, type Logger, uuidv7 } from '@stoa/service';
import { withAbortGrace } from './abort-grace.ts';
import type { ClaimedTask } from './claim-tasks.ts';
import type { Outcome } from './outcome.ts';
import { createRetryPolicy, usableDelay, type Verdict } from './retry-policy.ts';
import { isDatabaseAway, retryUntilAborted } from './retry-until-aborted.ts';
import { defaultLimits, type Run, type Task } from './task.ts';
import type { TaskMetrics } from './task-metrics.ts';
import { type Attempt, beginAttempt, type Ending, finishTask, pauseDestination, putBackTask } from './task-rows.ts';

const TIMEOUT_MS = 60_000;
/** What an answer may leave behind. */
const MOST_CHARACTERS = 2_000;

export interface RunTaskOptions<Schema> {
  readonly database: Database<Schema>;
  readonly instanceId: string;
  readonly log: Logger;
  readonly metrics: TaskMetrics;
}

/** @returns what became of it; nothing when the task was no longer ours. @throws when the database is away and `signal` is aborted. */
export type RunTask<Schema> = (
  task: Task<Schema>,
  claimed: ClaimedTask,
  signal: AbortSignal,
) => Promise<{ readonly outcome: Outcome<Schema>; readonly isQueued: boolean } | undefined>;

/** Runs one claimed task: stores the attempt, calls, stores the outcome together with what the service makes of it. */
export function createRunTask<Schema>({ database, instanceId, log, metrics }: RunTaskOptions<Schema>): RunTask<Schema> {
  return (task, claimed, signal) =>
    inReceivedSpan(
      claimed,
      () => ({ kind: 'consumer', name: `run ${task.name}`, attributes: { 'stoa.task.kind': task.name } }),
      async (span) => {
        const attempt = await beginAttempt(database.query, instanceId, claimed, uuidv7());
        if (attempt === undefined) return undefined;
        const observe = metrics.begin(task.name);
        const outcome = await callWithin(task, claimed, attempt, signal);
        observe(outcome.status);
        span?.set({ 'stoa.task.outcome': outcome.status });
        return await settle(task, claimed, attempt, outcome, signal);
      },
    );

  /** Never rejects: what is thrown may have happened after the call. */
  async function callWithin(task: Task<Schema>, claimed: ClaimedTask, attempt: Attempt, signal: AbortSignal): Promise<Outcome<Schema>> {
    let data: unknown;
    try {
      data = readData(task, claimed.kind, claimed);
    } catch (error) {
      return { status: 'permanent', reason: describe(error) };
    }
    const { timeoutMs = TIMEOUT_MS } = task;
    const cut = new AbortController();
    const timer = setTimeout(() => cut.abort(`no end within ${timeoutMs} ms`), timeoutMs);
    const stop = (): void => cut.abort('the process ended');
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const run: Omit<Run, 'signal'> = {
      id: claimed.id,
      attempt: attempt.number,
      idempotencyKey: `${claimed.id}:${attempt.refusals + 1}`,
      createdAt: claimed.createdAt,
    };
    try {
      return await withAbortGrace((inner) => task.run(data, { ...run, signal: inner }), cut.signal);
    } catch (error) {
      log.error({ err: error, task: claimed.id, kind: task.name }, 'a task failed unexpectedly');
      return { status: 'unknown', reason: cut.signal.aborted ? String(cut.signal.reason) : describe(error) };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }

  /**
   * An end that is refused, and not for want of a database, as by a commit of the service, leaves the outcome unknown: the next run decides
   * anew. @throws when that is refused too: the task is then reclaimed.
   */
  async function settle(task: Task<Schema>, claimed: ClaimedTask, attempt: Attempt, outcome: Outcome<Schema>, signal: AbortSignal) {
    const write = (written: Outcome<Schema>) => retryUntilAborted(() => end(task, claimed, attempt, written), { signal, log });
    try {
      return await write(outcome);
    } catch (error) {
      if (isDatabaseAway(error)) throw error;
      log.error({ err: error, task: claimed.id, kind: task.name }, 'the outcome of a task could not be committed');
      return await write({ status: 'unknown', reason: `the outcome was not committed: ${describe(error)}` });
    }
  }

  async function end(task: Task<Schema>, claimed: ClaimedTask, attempt: Attempt, outcome: Outcome<Schema>) {
    const ending = endingOf(outcome);
    const verdict = outcome.status === 'done' ? undefined : verdictOf(task, claimed, outcome);
    const isOurs = await database.transaction(async (tx) => {
      const isEnded =
        verdict === undefined
          ? await finishTask(tx, instanceId, claimed, attempt.id, ending.response)
          : await putBackTask(tx, instanceId, claimed, attempt.id, ending, verdict);
      if (!isEnded) return false;
      await outcome.commit?.(tx);
      if (outcome.status === 'unavailable') await pauseDestination(tx, claimed.destination, pauseOf(task, outcome), clean(outcome.reason));
      return true;
    });
    const details = { task: claimed.id, kind: task.name, attempt: attempt.number, outcome: outcome.status, reason: ending.response };
    if (!isOurs) log.warn(details, 'a task was taken over by others before it ended here');
    else if (verdict === undefined) log.info(details, 'task done');
    else if (verdict.status === 'queued') log.warn(details, 'task will be tried again');
    else log.error(details, 'task is dead');
    return isOurs ? { outcome, isQueued: verdict?.status === 'queued' } : undefined;
  }
}

type NotDone<Schema> = Exclude<Outcome<Schema>, { status: 'done' }>;

function verdictOf<Schema>({ retry, patienceSeconds }: Task<Schema>, claimed: ClaimedTask, outcome: NotDone<Schema>): Verdict {
  const tried = { ...claimed, patienceSeconds: patienceSeconds ?? Number.POSITIVE_INFINITY };
  const delayMs = outcome.status === 'transient' ? outcome.delayMs : undefined;
  return createRetryPolicy({ ...defaultLimits, ...retry }).after(outcome.status, tried, { delayMs });
}

const pauseOf = <Schema>({ retry }: Task<Schema>, { pauseMs }: { readonly pauseMs?: number }): number =>
  usableDelay(pauseMs) ?? retry?.pauseMs ?? defaultLimits.pauseMs;

function endingOf<Schema>(outcome: Outcome<Schema>): Ending {
  if (outcome.status === 'done') return { status: 'done', response: outcome.response === undefined ? null : clean(outcome.response) };
  return { status: outcome.status === 'unknown' ? 'unknown' : 'failed', response: clean(outcome.reason) };
}

/** Postgres holds no NUL in a text. */
const clean = (text: string): string => text.replaceAll('\0', '').slice(0, MOST_CHARACTERS);

const describe = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
