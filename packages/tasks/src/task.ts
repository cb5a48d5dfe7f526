import type { EarlierJob } from '@stoa/messaging';
import type { Static, TSchema } from 'typebox';
import type { Outcome } from './outcome.ts';
import type { RetryLimits } from './retry-policy.ts';

/** A kind of task, as the code that enqueues it sees it. */
export interface TaskKind<Data extends TSchema = TSchema> {
  /** Unique in the service, stable for ever: `create-payment-intent`. */
  readonly name: string;
  /** Names that it had before: tasks that were enqueued under them are run as this kind. */
  readonly formerNames?: readonly string[];
  /** From 1, and one more with each change of `data` that a copy of the version before could not handle. */
  readonly version?: number;
  readonly data: Data;
  /** What it calls, at most 200 characters: tasks of any kind with the same destination pause together. The name by default. */
  readonly destination?: string | ((data: Static<Data>) => string);
}

/** One run of a task. */
export interface Run {
  /** Of the task. */
  readonly id: string;
  /** From 1. */
  readonly attempt: number;
  /**
   * For calls that take one, at most 48 characters: the same in each repeat of a call whose answer is missing, and another one after a refusal,
   * also after a replay.
   */
  readonly idempotencyKey: string;
  /** When it was enqueued. */
  readonly createdAt: Date;
  /** Aborted when its time is over, or the process ends: the run returns soon after. */
  readonly signal: AbortSignal;
}

/** A kind of task, as the worker that runs it sees it. */
export interface Task<Schema, Data extends TSchema = TSchema> extends TaskKind<Data> {
  /** Versions that are still under way, each with what makes the data of this one of theirs. */
  readonly earlier?: readonly EarlierJob[];
  /** Most that run at once in one process; 4 by default. */
  readonly concurrency?: number;
  /** Most that run at once in one process for one destination, so that a slow one leaves room for others; `concurrency` by default. */
  readonly perDestination?: number;
  /** What is left out is that of `defaultLimits`. */
  readonly retry?: Partial<RetryLimits>;
  /** A task that is not done so many seconds after it was to run first is given up; without it, its tries are its end. */
  readonly patienceSeconds?: number;
  /** A run that takes longer ends as `unknown`; a minute by default. */
  readonly timeoutMs?: number;
  /** Calls the outside, in no transaction. A throw counts as `unknown`. */
  run(data: Static<Data>, run: Run): Promise<Outcome<Schema>>;
}

/** Ten tries in a quarter of an hour; longer ones where they are harmless or cheap, fewer where each may cost something. */
export const defaultLimits: RetryLimits = {
  failures: 10,
  unknowns: 10,
  firstDelayMs: 2_000,
  longestDelayMs: 15 * 60_000,
  pauseMs: 10_000,
};

/**
 * Times that a task may be taken up again after its process died while running it. More than above: the death of a machine must not cost a
 * client its task, and most come before the call. There must be a bound, as a task might be what ends the process.
 */
export const MOST_CRASHES = 20;

/** Declares a task; the type of `data` comes from its schema. */
export const task = <Schema, Data extends TSchema>(definition: Task<Schema, Data>): Task<Schema, Data> => definition;

/** Notified, with the kind, when there is something to claim. */
export const TASKS_CHANNEL = 'tasks';
