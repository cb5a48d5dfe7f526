import { randomUUID } from 'node:crypto';
import { createLog, createMetrics } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { task } from './task.ts';
import { createTaskWorker } from './task-worker.ts';
import { callTask } from './testing/call-task.ts';
import { taskFixture } from './testing/task-fixture.ts';

let system: Awaited<ReturnType<typeof taskFixture>>;
beforeAll(async () => {
  system = await taskFixture();
});
beforeEach(() => system.outside.behave(200));
afterEach(async () => {
  await system.stopAll();
  await sql`truncate tasks, task_attempts, finished_tasks, task_pauses`.execute(system.database.query);
});
afterAll(() => system[Symbol.asyncDispose]());

const calling = (more: object = {}) => callTask<unknown>(system.outside.url, more);
const becomes = (id: string, expected: object) => eventually(async () => expect(await system.state(id)).toMatchObject(expected));

test('health: well while nothing is late and nothing pauses; dead letters are reported', async () => {
  const worker = await system.start([calling()]);
  expect(await worker.health()).toEqual([{ name: 'tasks', background: true, ok: true }]);
  await sql`
    insert into tasks (id, kind, version, destination, data, correlation_id, traceparent, due_at, run_at, status, reason, failed_at)
    select gen_random_uuid(), kind, 1, 'd', '{}', 'c', 't', now(), now() - interval '90 s', status, 'r', now()
    from (values ('unheard-of', 'queued'), ('call', 'dead')) as rows (kind, status)`.execute(system.database.query);
  expect(await worker.health()).toMatchObject([
    { ok: false, detail: expect.stringMatching(/^unheard-of is 9\d s late; there are dead letters$/) },
  ]);
  await sql`insert into task_pauses values ('d', now() + interval '1 h', 'quota')`.execute(system.database.query);
  expect(await worker.health()).toMatchObject([{ ok: false, detail: expect.stringMatching(/^d pauses until \S+: quota; there are dead/) }]);
  await sql`truncate tasks, task_attempts, task_pauses`.execute(system.database.query);
  await worker.stop();
});

test('metrics: what waits, what is dead, how late it is, and how runs end', async () => {
  const worker = await system.start([calling()]);
  system.outside.behave(422);
  const dead = await system.enqueue(calling(), {});
  await becomes(dead, { status: 'dead' });
  await system.enqueue(calling(), {}, { runAt: new Date(Date.now() + 3_600_000) });
  const text = await worker.metrics.metrics();
  expect(text).toContain('stoa_tasks_dead{service="service",kind="call"} 1');
  expect(text).toContain('stoa_tasks_queued{service="service",kind="call"} 1');
  expect(text).toContain('stoa_tasks_late_seconds{service="service",kind="call"} 0');
  expect(text).toContain('stoa_task_run_seconds_count{service="service",kind="call",outcome="permanent"} 1');
  await worker.stop();
  expect(await worker.metrics.metrics()).not.toContain('stoa_tasks_dead{');
});

test('what was done is kept by days, and goes after its time', async () => {
  await sql`
    create table finished_tasks_2020_01_01 partition of finished_tasks
    for values from ('2020-01-01 00:00+00') to ('2020-01-02 00:00+00')`.execute(system.database.query);
  const old = (finishedAt: string) =>
    sql`insert into finished_tasks (id, kind, destination, correlation_id, created_at, finished_at, attempts)
      values (gen_random_uuid(), 'call', 'call', 'c', ${finishedAt}, ${finishedAt}, '[]')`.execute(system.database.query);
  await old('2020-01-01T10:00:00Z');
  await old('2020-03-01T10:00:00Z');
  await old(new Date().toISOString());
  await system.start([calling()], { retentionDays: 1 });
  await eventually(async () => {
    const { rows } = await sql<{ partition: string }>`
      select tableoid::regclass::text as partition from finished_tasks`.execute(system.database.query);
    expect(rows).toEqual([{ partition: expect.stringMatching(/^finished_tasks_\d{4}_\d\d_\d\d$/) }]);
  });
  const { rows } = await sql<{ there: boolean }>`select to_regclass('finished_tasks_2020_01_01') is not null as there`.execute(
    system.database.query,
  );
  expect(rows).toEqual([{ there: false }]);
});

test('a task runs although another kind uses all of its own slots', async () => {
  system.outside.behave((id) => (slow.has(id) ? 'hang' : 200));
  const slow = new Set<string>();
  const kinds = [calling({ name: 'slow', concurrency: 1 }), calling({ name: 'fast', concurrency: 1 })];
  const first = await system.enqueue(calling({ name: 'slow' }), {}, { runAt: new Date(Date.now() + 200) });
  slow.add(first);
  await system.start(kinds);
  await eventually(() => expect(system.outside.hanging()).toBe(1));
  const fast = await system.enqueue(calling({ name: 'fast' }), {});
  await becomes(fast, { status: 'done' });
  system.outside.answer(first, 0);
  await becomes(first, { status: 'done' });
});

test('two tasks of one name are a mistake that shows at once', async () => {
  const twice = task({ name: 'twice', data: Type.Object({}), run: async () => ({ status: 'done' }) });
  await expect(system.start([twice, twice])).rejects.toThrow('two tasks of service have the same name');
});

test('a worker whose start fails keeps no lock once it is stopped', async () => {
  const { query } = system.database;
  const instanceId = randomUUID();
  const options = { service: 'service', database: system.database, log: createLog({ level: 'silent' }), metrics: createMetrics() };
  const worker = createTaskWorker<unknown>({ ...options, instanceId, tasks: [calling()] });
  const hasLock = async () => {
    const lock = `stoa lead service tasks instance ${instanceId}`;
    const { rows } = await sql`select from pg_locks where locktype = 'advisory'
      and ((classid::bigint << 32) | objid::bigint) = hashtextextended(${lock}, 0)`.execute(query);
    return rows.length > 0;
  };
  await sql`alter table task_instances rename to instances_elsewhere`.execute(query);
  try {
    await expect(worker.start()).rejects.toThrow('task_instances');
    await eventually(async () => expect(await hasLock()).toBe(true));
  } finally {
    await sql`alter table instances_elsewhere rename to task_instances`.execute(query);
  }
  await worker.stop();
  expect(await hasLock()).toBe(false);
});

test('a pause that is over is forgotten', async () => {
  await sql`
    insert into task_pauses values ('over', now() - interval '1 s', 'quota'), ('not over', now() + interval '1 h', 'quota')`.execute(
    system.database.query,
  );
  await system.start([calling()]);
  await eventually(async () => {
    const { rows } = await sql`select destination from task_pauses`.execute(system.database.query);
    expect(rows).toEqual([{ destination: 'not over' }]);
  });
});
