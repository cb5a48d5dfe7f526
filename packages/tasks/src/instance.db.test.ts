import { randomUUID } from 'node:crypto';
import { createLog } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createInstance } from './instance.ts';
import { callTask } from './testing/call-task.ts';
import { taskFixture } from './testing/task-fixture.ts';

let system: Awaited<ReturnType<typeof taskFixture>>;
beforeAll(async () => {
  system = await taskFixture();
});
afterEach(() => system.stopAll());
afterAll(() => system[Symbol.asyncDispose]());

const log = createLog({ level: 'silent' });
const group = { name: 'service tasks', table: 'task_instances' };
/** An instance that has claimed once, and gives no sign of life any more. */
const silent = (id: string) => createInstance<unknown>({ database: system.database, group, id, log, reclaim: async () => 0 });
const isWaitedFor = async () => {
  const { rows } = await sql`
    select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like 'delete from "task_instances"%'`.execute(
    system.database.query,
  );
  return rows.length > 0;
};

test('a claim that is still under way at the server when its process is taken over is waited for, and reclaimed with the rest', async () => {
  const id = randomUUID();
  const task = await system.enqueue(callTask(system.outside.url), {}, { runAt: new Date(Date.now() + 3_600_000) });
  await sql`insert into task_instances (id) values (${id})`.execute(system.database.query);
  const { promise: committing, resolve: commit } = Promise.withResolvers<void>();
  const claiming = system.database.transaction(async (tx) => {
    await silent(id).hold(tx);
    await sql`update tasks set status = 'running', owner = ${id}, fence = 1, run_at = now() where id = ${task}`.execute(tx);
    await committing;
  });
  await system.start([callTask(system.outside.url)]);
  await eventually(async () => expect(await isWaitedFor()).toBe(true));
  commit();
  await claiming;
  await eventually(async () => expect(await system.state(task)).toMatchObject({ status: 'done' }));
});

test('an instance that was taken over claims nothing before it has a new lease', async () => {
  const id = randomUUID();
  const claim = () => system.database.transaction((tx) => silent(id).hold(tx));
  await expect(claim()).rejects.toThrow('the lease of this instance is lost');
  await sql`insert into task_instances (id) values (${id})`.execute(system.database.query);
  await expect(claim()).resolves.toBeUndefined();
  await sql`delete from task_instances where id = ${id}`.execute(system.database.query);
});

test('a process whose row is gone though it lives comes back by itself', async () => {
  const { health } = await system.start([callTask(system.outside.url)]);
  await sql`delete from task_instances`.execute(system.database.query);
  const task = await system.enqueue(callTask(system.outside.url), {});
  await eventually(async () => expect(await system.state(task)).toMatchObject({ status: 'done' }));
  await eventually(async () => expect(await health()).toMatchObject([{ ok: true }]));
});

test('a heartbeat that is under way when the instance stops leaves no row behind', async () => {
  const id = randomUUID();
  const { database } = system;
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: held, resolve: isHeld } = Promise.withResolvers<void>();
  const heartbeats = { everyMs: 1, deadAfterMs: 60_000, deadWithoutLockMs: 60_000 };
  const instance = createInstance<unknown>({ database, group, id, log, heartbeats, reclaim: async () => 0 });
  await instance.start();
  const holding = database.transaction(async (tx) => {
    await sql`delete from task_instances where id = ${id}`.execute(tx);
    isHeld();
    await released;
  });
  await held;
  const waiting = async () => {
    const { rows } = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
        and query like 'insert into "task_instances"%'`.execute(database.query);
    return rows.length;
  };
  await eventually(async () => expect(await waiting()).toBe(1));
  // Many are due in the time of these queries.
  for (let probes = 0; probes < 50; probes += 1) expect(await waiting()).toBe(1);
  const stopped = instance.stop();
  release();
  await holding;
  await stopped;
  expect((await sql`select from task_instances where id = ${id}`.execute(database.query)).rows).toEqual([]);
});
