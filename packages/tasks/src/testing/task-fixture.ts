import { messagingMigrations } from '@stoa/messaging';
import { createDatabase, type Database } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import { createLog, uuidv7 } from '@stoa/service';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import type { Static, TSchema } from 'typebox';
import { createTasks } from '../enqueue-tasks.ts';
import type { Heartbeats } from '../instance.ts';
import type { Task, TaskKind } from '../task.ts';
import { taskMigrations } from '../task-migrations.ts';
import { createTaskWorker, type TaskWorkerOptions } from '../task-worker.ts';
import { FAST_HEARTBEATS } from './fast-heartbeats.ts';
import { startOutside } from './outside.ts';

const log = createLog({ level: 'silent' });
const sources = [{ name: 'messaging', directory: messagingMigrations }, taskMigrations];

export interface TaskState {
  readonly status: 'queued' | 'running' | 'dead' | 'done';
  readonly owner: string | null;
  readonly failures: number;
  readonly unknowns: number;
  readonly deferrals: number;
  readonly reason: string | null;
}

type Settings = Partial<Omit<TaskWorkerOptions<unknown>, 'tasks'>> & {
  readonly wrap?: (database: Database<unknown>) => Database<unknown>;
  readonly heartbeats?: Heartbeats;
};

/** A database with the tables of tasks, the other side of calls, and as many workers as a test starts. */
export async function taskFixture({ leftoversExpected }: { leftoversExpected?: string } = {}) {
  const fixture = await testDatabase<unknown>({ sources, ...(leftoversExpected && { leftoversExpected }) });
  const { database, url } = fixture;
  const outside = await startOutside();
  const running = new Set<() => Promise<void>>();

  return {
    database,
    url,
    outside,
    enqueue: <Data extends TSchema>(kind: TaskKind<Data>, data: Static<Data>, options?: { id?: string; runAt?: Date }) =>
      database.transaction((tx) => createTasks(database, tx).enqueue(kind, data, options)),
    /** One process of its own: its own connections, its own id. */
    async start(tasks: readonly Task<unknown>[], { wrap = (whole) => whole, ...settings }: Settings = {}) {
      const metrics = new Registry();
      const own = createDatabase<unknown>({ url, name: 'service', log, metrics });
      const options = { service: 'service', log, metrics, instanceId: uuidv7(), heartbeats: FAST_HEARTBEATS };
      const worker = createTaskWorker({ ...options, database: wrap(own), tasks, ...settings });
      await worker.start();
      const stop = async (): Promise<void> => {
        if (!running.delete(stop)) return;
        await worker.stop();
        await own.close();
      };
      running.add(stop);
      return { ...worker, metrics, stop };
    },
    async state(id: string): Promise<TaskState> {
      const { rows } = await sql<TaskState>`
        select status, owner, failures, unknowns, deferrals, reason from tasks where id = ${id}
        union all
        select 'done', null, 0, 0, 0, null from finished_tasks where id = ${id}`.execute(database.query);
      return rows[0] as TaskState;
    },
    async attempts(id: string) {
      const { rows } = await sql<{ status: 'running' | 'done' | 'failed' | 'unknown'; response: string | null }>`
        select status, response from (
          select number, status, response from task_attempts where task_id = ${id}
          union all
          select number, status, response
          from finished_tasks cross join lateral jsonb_to_recordset(attempts) as each (number integer, status text, response text)
          where id = ${id}) as attempts
        order by number`.execute(database.query);
      return rows;
    },
    stopAll: async () => void (await Promise.all([...running].map((stop) => stop()))),
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map((stop) => stop()));
      await outside[Symbol.asyncDispose]();
      await fixture[Symbol.asyncDispose]();
    },
  };
}
