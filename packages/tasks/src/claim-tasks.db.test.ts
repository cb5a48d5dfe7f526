import { plansOf } from '@stoa/postgres/testing';
import { uuidv7 } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { claimTasks, type Room } from './claim-tasks.ts';
import { type Task, task } from './task.ts';
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

const calling = (more: Partial<Task<unknown>> = {}) => callTask<unknown>(system.outside.url, more);
const count = async (table: 'tasks' | 'finished_tasks') =>
  (await sql<{ count: number }>`select count(*)::integer as count from ${sql.table(table)}`.execute(system.database.query)).rows[0]?.count;
/** As many as `count` that wait, without a notification. */
const insert = (count: number, { kind = 'call', destination = '', version = 1, late = 0 } = {}) =>
  sql`
    insert into tasks (id, kind, version, destination, data, correlation_id, traceparent, due_at, run_at)
    select gen_random_uuid(), ${kind}, ${version}, ${destination || kind}, '{}', 'c', 't', now(), now() - ${late} * interval '1 s' - n * interval '1 ms'
    from generate_series(1, ${count}) as n`.execute(system.database.query);
const room = (kind: string, more: Partial<Room> = {}): Room => ({
  kind,
  names: [kind],
  versions: [1],
  free: 10,
  perDestination: 10,
  held: new Map(),
  ...more,
});
const claim = (...rooms: Room[]) => system.database.transaction((tx) => claimTasks(tx, uuidv7(), rooms));
/** How many were claimed, by destination. */
const claimedBy = async (...rooms: Room[]) => {
  const counts: Record<string, number> = {};
  for (const { destination } of (await claim(...rooms)).claimed) counts[destination] = (counts[destination] ?? 0) + 1;
  return counts;
};

test('of four processes that claim from one queue each task runs once', async () => {
  await insert(400);
  await Promise.all(Array.from({ length: 4 }, () => system.start([calling({ concurrency: 8 })])));
  await eventually(async () => expect(await count('finished_tasks')).toBe(400));
  expect(await count('tasks')).toBe(0);
  const calls = system.outside.calls.map(({ task: id }) => id);
  expect(new Set(calls).size).toBe(calls.length);
});

describe('a claim', () => {
  test('takes the most overdue first, and of each kind as many as there is room for', async () => {
    await insert(5, { kind: 'a' });
    await insert(5, { kind: 'b' });
    expect(await claimedBy(room('a', { free: 2 }), room('b', { free: 3 }))).toEqual({ a: 2, b: 3 });
    const { rows } = await sql<{ kind: string; first: boolean }>`
      select kind, max(run_at) filter (where status = 'running') < min(run_at) filter (where status = 'queued') as first
      from tasks group by kind order by kind`.execute(system.database.query);
    expect(rows).toEqual([
      { kind: 'a', first: true },
      { kind: 'b', first: true },
    ]);
  });

  test('takes of each destination in turn, so that one with many holds up none with few', async () => {
    await insert(100, { kind: 'hook', destination: 'slow', late: 60 });
    await insert(2, { kind: 'hook', destination: 'fast' });
    expect(await claimedBy(room('hook', { free: 5 }))).toEqual({ slow: 3, fast: 2 });
  });

  test('counts the tasks of a destination that run already', async () => {
    await insert(100, { kind: 'hook', destination: 'slow', late: 60 });
    await insert(100, { kind: 'hook', destination: 'fast' });
    const held = new Map([['slow', 3]]);
    expect(await claimedBy(room('hook', { free: 5, held }))).toEqual({ slow: 1, fast: 4 });
    expect(await claimedBy(room('hook', { free: 5, perDestination: 3, held }))).toEqual({ fast: 3 });
  });

  test('leaves what pauses, other kinds, and versions of other copies', async () => {
    await insert(1, { kind: 'hook', destination: 'away' });
    await insert(1, { kind: 'hook', destination: 'there' });
    await insert(1, { kind: 'hook', destination: 'tomorrow', version: 2 });
    await insert(1, { kind: 'other' });
    await sql`insert into task_pauses values ('away', now() + interval '1 h', 'r')`.execute(system.database.query);
    expect(await claimedBy(room('hook'))).toEqual({ there: 1 });
    expect(await claimedBy(room('hook', { versions: [2, 1] }))).toEqual({ tomorrow: 1 });
  });

  test('says when the next one is due: by its time, its pause, or the fallback', async () => {
    const wait = async (...rooms: Room[]) => (await claim(...rooms)).waitMs;
    expect(await wait(room('hook'))).toBe(5_000);
    await insert(1, { kind: 'hook', late: -2 });
    expect(await wait(room('hook'))).toBeGreaterThan(1_000);
    expect(await wait(room('hook'))).toBeLessThanOrEqual(2_000);
    await insert(1, { kind: 'full', destination: 'slow' });
    expect(await wait(room('full', { perDestination: 2, held: new Map([['slow', 2]]) }))).toBe(5_000);
    await insert(1, { kind: 'paused' });
    await sql`insert into task_pauses values ('paused', now() + interval '1 s', 'r')`.execute(system.database.query);
    expect(await wait(room('paused'))).toBeLessThanOrEqual(1_000);
    expect(await wait(room('paused'))).toBeGreaterThan(300);
    await insert(1, { kind: 'held' });
    await system.database.transaction(async (tx) => {
      await sql`select from tasks where kind = 'held' for update`.execute(tx);
      expect(await wait(room('held'))).toBe(250);
    });
  });

  test('costs the same with 100,000 that wait, by the index', async () => {
    await insert(50_000, { kind: 'hook' });
    await insert(50_000, { kind: 'other', late: -3_600 });
    await sql`analyze tasks`.execute(system.database.query);
    const nodes = await plansOf(system.database.query, (db) => claimTasks(db, uuidv7(), [room('hook'), room('other')]));
    const reads = nodes.filter((node) => node['Relation Name'] === 'tasks' && node['Node Type'] !== 'ModifyTable');
    expect(reads.length).toBeGreaterThan(0);
    expect(reads.map((node) => [node['Node Type'], node['Index Name']]).filter(([type]) => type === 'Seq Scan')).toEqual([]);
    expect((await claim(room('hook'), room('other'))).claimed).toHaveLength(10);
  });
});

test('a kind is run by a copy that takes its version, under each of its names, with the data as that one has it', async () => {
  const seen: unknown[] = [];
  const renamed = task<unknown, ReturnType<typeof Type.Object>>({
    name: 'renamed',
    version: 2,
    formerNames: ['before'],
    data: Type.Object({ amount: Type.Integer() }),
    earlier: [{ version: 1, data: Type.Object({ cents: Type.Integer() }), upcast: (data: { cents: number }) => ({ amount: data.cents }) }],
    run: async (data) => {
      seen.push(data);
      return { status: 'done' };
    },
  });
  await system.enqueue({ name: 'renamed', data: Type.Object({ cents: Type.Integer() }) }, { cents: 5 });
  await system.enqueue({ name: 'renamed', version: 3, data: Type.Object({}) }, {});
  await system.enqueue({ name: 'before', version: 2, data: Type.Object({ amount: Type.Integer() }) }, { amount: 6 });
  await system.start([renamed]);
  await eventually(() => expect(seen).toEqual([{ amount: 5 }, { amount: 6 }]));
  await eventually(async () => expect(await count('finished_tasks')).toBe(2));
  expect(await count('tasks')).toBe(1);
});

test('a slow destination leaves room for the others of its kind', async () => {
  const hook = calling({
    name: 'hook',
    data: Type.Object({ to: Type.String() }),
    concurrency: 4,
    perDestination: 2,
    destination: (data) => (data as { to: string }).to,
  });
  const slow = new Set<string>();
  system.outside.behave((id) => (slow.has(id) ? 'hang' : 200));
  for (let n = 0; n < 6; n += 1) slow.add(await system.enqueue(hook, { to: 'slow' }, { runAt: new Date(Date.now() + 500) }));
  await system.start([hook]);
  await eventually(() => expect(system.outside.hanging()).toBe(2));
  const fast = await Promise.all(Array.from({ length: 10 }, () => system.enqueue(hook, { to: 'fast' })));
  for (const id of fast) await eventually(async () => expect(await system.state(id)).toMatchObject({ status: 'done' }));
  expect(system.outside.hanging()).toBe(2);
  for (const id of slow) {
    await eventually(() => system.outside.answer(id, 0));
  }
  await eventually(async () => expect(await count('tasks')).toBe(0));
});
