import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Database } from '@stoa/postgres';
import { eventually } from '@stoa/service/testing';
import { type QueryExecutorProvider, sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Heartbeats, InstanceGroup } from '../instance.ts';
import { FAST_HEARTBEATS } from './fast-heartbeats.ts';

type Wrap = <Schema>(database: Database<Schema>) => Database<Schema>;

export interface WorkerSettings {
  readonly instanceId?: string;
  readonly heartbeats?: Heartbeats;
  readonly concurrency?: number;
  /** What the worker sees of its database. */
  readonly wrap?: Wrap;
}

/** Leased work on tables of its own, and the other side of its calls. */
export interface LeasedWorkUnderTest extends AsyncDisposable {
  readonly db: QueryExecutorProvider;
  readonly group: InstanceGroup;
  /** Unknown ends by dying processes after which a task is given up. */
  readonly mostCrashes: number;
  /** Tasks that wait, in this order. @returns how each is called from now on. */
  queue(count: number): Promise<string[]>;
  /** One that an instance has claimed, with nothing begun. */
  queueFor(instance: string): Promise<string>;
  /** What is done with each call from now on; `hang`: it is taken, and not answered until `answer`. */
  behave(behaviour: 'accept' | 'hang' | { readonly acceptAfterMs: number }): void;
  /** Answers a call that hangs, the first of its task being 0. */
  answer(task: string, call: number): void;
  /** The idempotency keys of the calls that came for a task, each as often as it came. */
  callsOf(task: string): readonly string[];
  /** How many calls are taken and not answered. */
  hanging(): number;
  attemptsOf(task: string): Promise<('running' | 'done' | 'failed' | 'unknown')[]>;
  stateOf(task: string): Promise<{ readonly status: 'queued' | 'running' | 'done' | 'given up'; readonly owner: string | null }>;
  /** As if so many processes had died with it. */
  setCrashes(task: string, count: number): Promise<void>;
  /** As a process that takes over does: the task waits again, and has no owner. */
  takeAway(task: string): Promise<void>;
  /** A process of its own: its own connections, its own id. */
  start(settings?: WorkerSettings): Promise<{ stop(): Promise<void> }>;
  /** A program that runs a worker, says `ready`, and is killed: for `node`. */
  readonly program: readonly string[];
}

/** For as long as a silence is watched, and the start of a process. */
const TAKE_OVER = { timeoutMs: 20_000 };
/** It would watch a silence for longer than a test lasts. */
const PATIENT: Heartbeats = { ...FAST_HEARTBEATS, deadAfterMs: 600_000 };

/** What holds for every table of leased work: nothing is lost, and nothing runs twice without a second attempt. */
export function leasedWorkContract(name: string, open: () => Promise<LeasedWorkUnderTest>): void {
  let work: LeasedWorkUnderTest;
  /** A test that fails leaves none of them running. */
  const children = new Set<ChildProcess>();
  const workers = new Set<() => Promise<void>>();

  /** A worker in a process of its own. */
  async function spawnWorker() {
    const child = spawn(process.execPath, [...work.program], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.add(child);
    const exited = once(child, 'exit');
    const [said] = await once(child.stdout, 'data');
    expect(String(said)).toBe('ready\n');
    return {
      async kill() {
        child.kill('SIGKILL');
        await exited;
      },
    };
  }

  async function startWorker(settings?: WorkerSettings) {
    const { stop } = await work.start(settings);
    const stopOnce = async (): Promise<void> => {
      if (workers.delete(stopOnce)) await stop();
    };
    workers.add(stopOnce);
    return { stop: stopOnce };
  }

  const one = async () => (await work.queue(1))[0] as string;
  const called = (task: string, times: number) => eventually(() => expect(work.callsOf(task)).toHaveLength(times), TAKE_OVER);
  const attempts = (task: string, ...expected: string[]) =>
    eventually(async () => expect(await work.attemptsOf(task)).toEqual(expected), TAKE_OVER);
  const state = (task: string, expected: object) =>
    eventually(async () => expect(await work.stateOf(task)).toMatchObject(expected), TAKE_OVER);
  const instances = () => sql.table(work.group.table);
  const knownInstances = async () => (await sql<{ id: string }>`select id from ${instances()} order by id`.execute(work.db)).rows;

  describe(name, () => {
    beforeAll(async () => {
      work = await open();
    });
    beforeEach(() => work.behave('accept'));
    afterEach(async () => {
      for (const child of children) child.kill('SIGKILL');
      children.clear();
      await Promise.all([...workers].map((stop) => stop()));
    });
    afterAll(() => work[Symbol.asyncDispose]());

    describe('after a kill -9', () => {
      test('in the middle of a call, the next process takes over soon: the attempt is unknown, the repeat recognisable', async () => {
        work.behave('hang');
        const child = await spawnWorker();
        const tasks = await work.queue(3);
        for (const task of tasks) await called(task, 1);
        await child.kill();
        work.behave('accept');
        await startWorker({ heartbeats: PATIENT });
        for (const task of tasks) {
          await attempts(task, 'unknown', 'done');
          expect(new Set(work.callsOf(task)).size).toBe(1);
        }
      });

      test('before the call, a task has no attempt, and is called for once', async () => {
        const child = await spawnWorker();
        await child.kill();
        const [{ id } = { id: '' }] = await knownInstances();
        const task = await work.queueFor(id);
        await startWorker();
        await attempts(task, 'done');
        expect(work.callsOf(task)).toHaveLength(1);
      });

      test('a task whose processes die again and again is not called for without end', async () => {
        work.behave('hang');
        const task = await one();
        await work.setCrashes(task, work.mostCrashes - 2);
        for (let kills = 1; kills <= 2; kills += 1) {
          const child = await spawnWorker();
          await called(task, kills);
          await child.kill();
        }
        work.behave('accept');
        await startWorker();
        await state(task, { status: 'given up', owner: null });
        await attempts(task, 'unknown', 'unknown');
        expect(work.callsOf(task)).toHaveLength(2);
      });

      test('of one of two, the other takes over its tasks', async () => {
        work.behave('hang');
        const dying = await spawnWorker();
        const task = await one();
        await called(task, 1);
        const living = await spawnWorker();
        await dying.kill();
        work.behave('accept');
        await attempts(task, 'unknown', 'done');
        await living.kill();
      });

      test('the tasks of an instance that is silent for long go to those that run', async () => {
        await startWorker();
        const id = randomUUID();
        const task = await work.queueFor(id);
        await sql`insert into ${instances()} (id) values (${id})`.execute(work.db);
        const startedAt = performance.now();
        await attempts(task, 'done');
        expect(performance.now() - startedAt).toBeGreaterThan(FAST_HEARTBEATS.deadAfterMs - FAST_HEARTBEATS.everyMs);
        expect(await knownInstances()).not.toContainEqual({ id });
      });
    });

    describe('a process that lives', () => {
      test('keeps its tasks when another one starts', async () => {
        work.behave({ acceptAfterMs: 3_000 });
        const living = await spawnWorker();
        const task = await one();
        await called(task, 1);
        await startWorker();
        await attempts(task, 'done');
        expect(work.callsOf(task)).toHaveLength(1);
        await living.kill();
      });

      test('keeps them when it has lost its lock and beats again after an outage', async () => {
        const id = randomUUID();
        const task = await work.queueFor(id);
        await sql`insert into ${instances()} (id, seen_at) values (${id}, now() - interval '1 h')`.execute(work.db);
        const lock = `stoa lead ${work.group.name} instance ${id}`;
        const isLed = async () =>
          (
            await sql`select from pg_locks where locktype = 'advisory' and ((classid::bigint << 32) | objid::bigint)
              = hashtextextended(${lock}, 0)`.execute(work.db)
          ).rows.length > 0;
        const starting = startWorker();
        await eventually(async () => expect(await isLed()).toBe(true));
        const beat = () => sql`update ${instances()} set seen_at = clock_timestamp() where id = ${id}`.execute(work.db);
        await beat();
        await starting;
        // The starting one sees a heartbeat and gives the lock back. One alone might come before it begins to watch.
        await eventually(async () => {
          await beat();
          expect(await isLed()).toBe(false);
        }, TAKE_OVER);
        expect(await work.stateOf(task)).toEqual({ status: 'running', owner: id });
        await sql`delete from ${instances()} where id = ${id}`.execute(work.db);
        await work.takeAway(task);
        await state(task, { status: 'done' });
      });

      test('runs so many at once, and no more', async () => {
        work.behave('hang');
        const tasks = await work.queue(5);
        await startWorker({ concurrency: 3 });
        await eventually(() => expect(work.hanging()).toBe(3));
        const begun = tasks.filter((task) => work.callsOf(task).length > 0);
        for (const task of begun) work.answer(task, 0);
        for (const task of begun) await state(task, { status: 'done' });
        await eventually(() => expect(work.hanging()).toBe(2));
        for (const task of tasks.filter((each) => !begun.includes(each))) {
          work.answer(task, 0);
          await state(task, { status: 'done' });
        }
      });
    });

    describe('a claim', () => {
      /** The answer to the first claims of something is lost on its way back, after they were committed. */
      const losing = (claims: number, onLoss: () => void): Wrap => {
        let lost = 0;
        return (database) => ({
          ...database,
          async transaction(body) {
            const result = await database.transaction(body);
            if (lost < claims && claimedBy(result).length > 0) {
              lost += 1;
              onLoss();
              throw new Error('the answer to COMMIT was lost');
            }
            return result;
          },
        });
      };

      test('that was committed and not answered is left to others by a process that stops just then', async () => {
        const { promise: lost, resolve } = Promise.withResolvers<void>();
        const task = await one();
        const stopping = await startWorker({ wrap: losing(1_000, resolve) });
        await lost;
        await stopping.stop();
        await startWorker();
        await state(task, { status: 'done' });
        expect(work.callsOf(task)).toHaveLength(1);
      });

      test('that was committed and not answered is repeated, once, by the process that lives on', async () => {
        let lost = 0;
        const tasks = await work.queue(20);
        await startWorker({ wrap: losing(2, () => (lost += 1)) });
        for (const task of tasks) await state(task, { status: 'done' });
        expect(lost).toBe(2);
        for (const task of tasks) expect(work.callsOf(task)).toHaveLength(1);
      });

      test('whose task was taken away before its attempt began calls nobody', async () => {
        const task = await one();
        let isTaken = false;
        const wrap: Wrap = (database) => ({
          ...database,
          async transaction(body) {
            const result = await database.transaction(body);
            if (!isTaken && claimedBy(result).length > 0) {
              isTaken = true;
              await work.takeAway(task);
            }
            return result;
          },
        });
        await startWorker({ wrap });
        await state(task, { status: 'done' });
        await attempts(task, 'done');
        expect(work.callsOf(task)).toHaveLength(1);
      });

      test('that is over ends nothing of the one that came after it, though the instance is the same', async () => {
        work.behave('hang');
        await startWorker({ concurrency: 2 });
        const task = await one();
        await called(task, 1);
        await work.takeAway(task);
        await called(task, 2);
        const { owner } = await work.stateOf(task);
        work.answer(task, 0);
        // What is known of an attempt is kept, whichever process has the task.
        await attempts(task, 'done', 'running');
        expect(await work.stateOf(task)).toEqual({ status: 'running', owner });
        work.answer(task, 1);
        await state(task, { status: 'done' });
        await attempts(task, 'done', 'done');
      });
    });

    describe('a stop', () => {
      test('lets running tasks finish, and claims nothing more', async () => {
        work.behave('hang');
        const instanceId = randomUUID();
        const worker = await startWorker({ concurrency: 1, instanceId });
        const [first, second] = (await work.queue(2)) as [string, string];
        await called(first, 1);
        const stopped = worker.stop();
        work.answer(first, 0);
        await stopped;
        expect(await work.stateOf(first)).toEqual({ status: 'done', owner: null });
        expect(await work.stateOf(second)).toEqual({ status: 'queued', owner: null });
        expect(work.callsOf(second)).toEqual([]);
        expect(await knownInstances()).not.toContainEqual({ id: instanceId });
        work.behave('accept');
        await startWorker();
        await state(second, { status: 'done' });
      });

      test('cuts off what takes too long: it may have happened, and goes back', async () => {
        work.behave('hang');
        const worker = await startWorker();
        const task = await one();
        await called(task, 1);
        await worker.stop();
        expect(await work.stateOf(task)).toEqual({ status: 'queued', owner: null });
        expect(await work.attemptsOf(task)).toEqual(['unknown']);
        work.behave('accept');
        await startWorker();
        await attempts(task, 'unknown', 'done');
        expect(new Set(work.callsOf(task)).size).toBe(1);
      });
    });
  });
}

/** What a transaction claimed, if it is a claim. */
const claimedBy = (result: unknown): readonly unknown[] => (result as { readonly claimed?: readonly unknown[] } | undefined)?.claimed ?? [];
