import { randomUUID } from 'node:crypto';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTasks } from './enqueue-tasks.ts';
import type { Outcome } from './outcome.ts';
import { resumeDestination } from './resume-destination.ts';
import { type Task, task } from './task.ts';
import { callTask } from './testing/call-task.ts';
import { taskFixture } from './testing/task-fixture.ts';

let system: Awaited<ReturnType<typeof taskFixture>>;
beforeAll(async () => {
  system = await taskFixture();
});
beforeEach(() => system.outside.behave(200));
afterEach(() => system.stopAll());
afterAll(() => system[Symbol.asyncDispose]());

const SOON = { firstDelayMs: 20, longestDelayMs: 50, pauseMs: 300 };
const calling = (more: Partial<Task<unknown>> = {}) => callTask<unknown>(system.outside.url, { retry: SOON, ...more });
const statuses = async (id: string) => (await system.attempts(id)).map(({ status }) => status);
const becomes = (id: string, expected: object) => eventually(async () => expect(await system.state(id)).toMatchObject(expected));
const keysOf = (id: string) => system.outside.calls.filter((call) => call.task === id).map(({ key }) => key);

describe('enqueueing', () => {
  test('runs a task if, and only if, its transaction commits', async () => {
    await system.start([calling()]);
    const kept = await system.enqueue(calling(), { n: 1 });
    const lost = randomUUID();
    const failing = system.database.transaction(async (tx) => {
      await createTasks(system.database, tx).enqueue(calling(), { n: 2 }, { id: lost });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await becomes(kept, { status: 'done' });
    expect(await system.state(lost)).toBeUndefined();
    expect(keysOf(lost)).toEqual([]);
  });

  test('with an id is once, side by side and after the task is done', async () => {
    await system.start([calling()]);
    const id = randomUUID();
    await Promise.all(Array.from({ length: 20 }, () => system.enqueue(calling(), {}, { id })));
    await becomes(id, { status: 'done' });
    await system.enqueue(calling(), {}, { id });
    const after = await system.enqueue(calling(), {});
    await becomes(after, { status: 'done' });
    expect(keysOf(id)).toHaveLength(1);
  });

  test('with an id that a task of another kind has is refused, and registers nothing', async () => {
    const [charge, refund] = [calling({ name: 'charge' }), calling({ name: 'refund' })];
    const id = await system.enqueue(charge, {}, { id: randomUUID() });
    const refusal = `the id ${id} of a task refund belongs to a task charge`;
    await expect(system.enqueue(refund, {}, { id })).rejects.toThrow(new TypeError(refusal));
    const swallowing = system.database.transaction((tx) =>
      createTasks(system.database, tx)
        .enqueue(refund, {}, { id })
        .catch(() => {}),
    );
    await expect(swallowing).rejects.toThrow(refusal);
    await expect(system.enqueue(refund, {}, { id })).rejects.toThrow(refusal);
    await expect(system.enqueue(charge, {}, { id })).resolves.toBe(id);
    // A task may be renamed while it waits.
    await expect(system.enqueue({ ...refund, formerNames: ['charge'] }, {}, { id })).resolves.toBe(id);
    await sql`delete from tasks where id = ${id}`.execute(system.database.query);
  });

  test('with the id of a dead task of the same kind changes nothing, also when its registration is forgotten', async () => {
    system.outside.behave(422);
    await system.start([calling()]);
    const id = await system.enqueue(calling(), {}, { id: randomUUID() });
    await becomes(id, { status: 'dead' });
    await expect(system.enqueue(calling(), {}, { id })).resolves.toBe(id);
    await sql`delete from inbox_seen where message_id = ${id}`.execute(system.database.query);
    await expect(system.enqueue(calling(), {}, { id })).resolves.toBe(id);
    expect(await system.state(id)).toMatchObject({ status: 'dead' });
    expect(keysOf(id)).toHaveLength(1);
  });

  test('waits until its time', async () => {
    await system.start([calling()]);
    const later = await system.enqueue(calling(), {}, { runAt: new Date(Date.now() + 3_600_000) });
    const soon = await system.enqueue(calling(), {}, { runAt: new Date(Date.now() + 300) });
    await becomes(soon, { status: 'done' });
    expect(await system.state(later)).toMatchObject({ status: 'queued' });
    await sql`delete from tasks where id = ${later}`.execute(system.database.query);
  });

  test('refuses data that does not fit, and says where', async () => {
    await expect(system.enqueue(calling(), { n: 'one' } as object)).rejects.toThrow(/data of the task call does not fit its schema: \/n /);
  });
});

describe('an outcome', () => {
  test('done takes the task out of the queue, with its attempts and without its data', async () => {
    await system.start([calling()]);
    const id = await system.enqueue(calling(), { n: 7 });
    await becomes(id, { status: 'done' });
    expect(await system.attempts(id)).toEqual([{ status: 'done', response: 'answer 200' }]);
    const { rows } = await sql<{ row: string }>`select finished_tasks::text as row from finished_tasks where id = ${id}`.execute(
      system.database.query,
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.row).not.toContain('"n"');
    const left = await sql`select from tasks where id = ${id} union all select from task_attempts where task_id = ${id}`.execute(
      system.database.query,
    );
    expect(left.rows).toEqual([]);
  });

  test('permanent is the end', async () => {
    system.outside.behave(422);
    await system.start([calling()]);
    const id = await system.enqueue(calling(), {});
    await becomes(id, { status: 'dead', failures: 1, reason: 'answer 422' });
    expect(await statuses(id)).toEqual(['failed']);
  });

  test('transient comes again, each time under another key, until its tries are over', async () => {
    system.outside.behave(500);
    await system.start([calling({ retry: { ...SOON, failures: 3 } })]);
    const id = await system.enqueue(calling(), {});
    await becomes(id, { status: 'dead', failures: 3 });
    expect(keysOf(id)).toEqual([`${id}:1`, `${id}:2`, `${id}:3`]);
  });

  test('transient waits at least as long as it was asked to', async () => {
    await system.start([
      task({ name: 'asked', data: Type.Object({}), run: async () => ({ status: 'transient', reason: 'later', delayMs: 60_000 }) }),
    ]);
    const id = await system.enqueue({ name: 'asked', data: Type.Object({}) }, {});
    await becomes(id, { status: 'queued', failures: 1 });
    const { rows } = await sql<{ wait: number }>`
      select extract(epoch from run_at - created_at)::float8 as wait from tasks where id = ${id}`.execute(system.database.query);
    expect(rows[0]?.wait).toBeGreaterThanOrEqual(60);
    await sql`delete from tasks where id = ${id}`.execute(system.database.query);
  });

  test('unknown comes again under the same key, and another one after a refusal', async () => {
    const answers = ['reset', 'reset', 500, 'reset', 200] as const;
    let calls = 0;
    system.outside.behave(() => answers[calls++] ?? 200);
    await system.start([calling()]);
    const id = await system.enqueue(calling(), {});
    await becomes(id, { status: 'done' });
    expect(keysOf(id)).toEqual([1, 1, 1, 2, 2].map((n) => `${id}:${n}`));
    expect(await statuses(id)).toEqual(['unknown', 'unknown', 'failed', 'unknown', 'done']);
  });

  test('unknown again and again gives the task up', async () => {
    system.outside.behave('reset');
    await system.start([calling({ retry: { ...SOON, unknowns: 2 } })]);
    const id = await system.enqueue(calling(), {});
    await becomes(id, { status: 'dead', unknowns: 2 });
  });

  test('not done in time gives the task up, whatever the outcome', async () => {
    system.outside.behave(503);
    await system.start([calling({ patienceSeconds: 0.5 })]);
    const id = await system.enqueue(calling(), {});
    await becomes(id, { status: 'dead' });
    await sql`delete from task_pauses`.execute(system.database.query);
  });

  test('that names a NUL or a novel is kept as far as a text goes', async () => {
    const reason = `\0${'x'.repeat(10_000)}`;
    await system.start([task({ name: 'novel', data: Type.Object({}), run: async () => ({ status: 'permanent', reason }) })]);
    const id = await system.enqueue({ name: 'novel', data: Type.Object({}) }, {});
    await becomes(id, { status: 'dead', reason: 'x'.repeat(2_000) });
  });
});

describe('unavailable', () => {
  afterEach(() => sql`delete from task_pauses`.execute(system.database.query));
  const kinds = () => [
    calling({ name: 'charge', destination: 'payments' }),
    calling({ name: 'refund', destination: 'payments' }),
    calling({ name: 'locate' }),
  ];

  test('pauses all tasks of its destination in every process, and no other, and nothing counts', async () => {
    let isAway = true;
    system.outside.behave(() => (isAway ? 503 : 200));
    const [charge, refund, locate] = kinds() as [Task<unknown>, Task<unknown>, Task<unknown>];
    const slow = { retry: { ...SOON, pauseMs: 60_000 } };
    await system.start([{ ...charge, ...slow }, refund, locate]);
    await system.start([{ ...charge, ...slow }, refund, locate]);
    const first = await system.enqueue(charge, {});
    await becomes(first, { status: 'queued', failures: 0, unknowns: 0, deferrals: 1, reason: 'answer 503' });
    isAway = false;
    const second = await system.enqueue(refund, {});
    const elsewhere = await system.enqueue(locate, {});
    await becomes(elsewhere, { status: 'done' });
    expect(await system.state(second)).toMatchObject({ status: 'queued', deferrals: 0 });
    expect(keysOf(second)).toEqual([]);
    expect(await resumeDestination(system.database, 'payments')).toBe(true);
    await becomes(second, { status: 'done' });
    await sql`update tasks set run_at = now() where id = ${first}`.execute(system.database.query);
    await becomes(first, { status: 'done' });
    expect(await resumeDestination(system.database, 'payments')).toBe(false);
  });

  test('is over by itself, and what was refused then has its tries still', async () => {
    let isAway = true;
    system.outside.behave(() => (isAway ? 503 : 200));
    const [charge] = kinds() as [Task<unknown>];
    await system.start([{ ...charge, retry: { ...SOON, failures: 1, unknowns: 1 } }]);
    const id = await system.enqueue(charge, {});
    await eventually(async () => expect((await system.state(id)).deferrals).toBeGreaterThan(2));
    isAway = false;
    await becomes(id, { status: 'done' });
  });

  test('can be as long as the other side asks for', async () => {
    const run = async (): Promise<Outcome<unknown>> => ({ status: 'unavailable', reason: 'quota is used up', pauseMs: 24 * 3_600_000 });
    await system.start([task({ name: 'quota', data: Type.Object({}), run })]);
    const id = await system.enqueue({ name: 'quota', data: Type.Object({}) }, {});
    await becomes(id, { status: 'queued', deferrals: 1 });
    const { rows } = await sql<{ hours: number; reason: string }>`
      select extract(epoch from until - now())::float8 / 3600 as hours, reason from task_pauses where destination = 'quota'`.execute(
      system.database.query,
    );
    expect(rows).toEqual([{ hours: expect.closeTo(24, 1), reason: 'quota is used up' }]);
    await sql`delete from tasks where id = ${id}`.execute(system.database.query);
  });

  test.each([
    ['no number', Number.NaN, 60],
    ['without end', Number.POSITIVE_INFINITY, 60],
    ['negative', -1, 60],
    ['longer than thirty days', 1e300, 30 * 24 * 3600],
  ])(
    'for a time that is %s is stored as the pause of the kind, or as thirty days, and its reason as far as a text goes',
    async (...asked) => {
      const [, pauseMs, seconds] = asked;
      const run = async (): Promise<Outcome<unknown>> => ({ status: 'unavailable', reason: '\0quota', pauseMs });
      await system.start([task({ name: 'quota', data: Type.Object({}), retry: { pauseMs: 60_000 }, run })]);
      const id = await system.enqueue({ name: 'quota', data: Type.Object({}) }, {}, { runAt: new Date(0) });
      await eventually(async () => expect((await system.state(id)).deferrals).toBeGreaterThan(0));
      const { rows } = await sql<{ seconds: number; reason: string }>`
      select extract(epoch from until - now())::float8 as seconds, reason from task_pauses where destination = 'quota'`.execute(
        system.database.query,
      );
      expect(rows).toEqual([{ seconds: expect.any(Number), reason: 'quota' }]);
      expect(rows[0]?.seconds).toBeLessThanOrEqual(seconds);
      expect(rows[0]?.seconds).toBeGreaterThan(seconds - 30);
      await system.stopAll();
      await sql`delete from tasks where id = ${id}`.execute(system.database.query);
    },
  );
});

describe('a run that', () => {
  const kind = { name: 'odd', data: Type.Object({}) };

  test('throws may have happened: it is unknown, and comes again', async () => {
    let runs = 0;
    const run = async (): Promise<Outcome<unknown>> => {
      if (++runs === 1) throw new TypeError('x is not a function');
      return { status: 'done' };
    };
    await system.start([task({ ...kind, retry: SOON, run })]);
    const id = await system.enqueue(kind, {});
    await becomes(id, { status: 'done' });
    expect(await system.attempts(id)).toEqual([
      { status: 'unknown', response: 'TypeError: x is not a function' },
      { status: 'done', response: null },
    ]);
  });

  test('takes too long is aborted, and what it then returns counts', async () => {
    const run: Task<unknown>['run'] = (_data, { signal }) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => resolve({ status: 'permanent', reason: 'half of it' }), { once: true }),
      );
    await system.start([task({ ...kind, timeoutMs: 100, run })]);
    const id = await system.enqueue(kind, {});
    await becomes(id, { status: 'dead', reason: 'half of it' });
  });

  test('does not end even so is given up as unknown', async () => {
    let runs = 0;
    const run = (): Promise<Outcome<unknown>> => (++runs === 1 ? new Promise(() => {}) : Promise.resolve({ status: 'done' }));
    await system.start([task({ ...kind, retry: SOON, timeoutMs: 100, run })]);
    const id = await system.enqueue(kind, {});
    await becomes(id, { status: 'done' });
    expect(await system.attempts(id)).toEqual([
      { status: 'unknown', response: 'no end within 100 ms' },
      { status: 'done', response: null },
    ]);
  });

  test('gets data that fits no more is not called', async () => {
    let runs = 0;
    const run = async (): Promise<Outcome<unknown>> => {
      runs += 1;
      return { status: 'done' };
    };
    await system.start([task({ name: 'odd', data: Type.Object({ n: Type.Integer() }), run })]);
    const id = await system.enqueue(kind, {});
    await becomes(id, { status: 'dead', reason: expect.stringContaining('does not fit the schema of odd') });
    expect(runs).toBe(0);
  });
});
