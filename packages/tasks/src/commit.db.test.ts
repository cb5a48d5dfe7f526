import { databaseErrors } from '@stoa/postgres';
import { defineErrors } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql, type Transaction } from 'kysely';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Outcome } from './outcome.ts';
import { TASKS_CHANNEL, type Task, task } from './task.ts';
import { taskFixture } from './testing/task-fixture.ts';

let system: Awaited<ReturnType<typeof taskFixture>>;
beforeAll(async () => {
  system = await taskFixture();
  await sql`create table effects (task uuid not null, what text not null unique)`.execute(system.database.query);
});
beforeEach(() => sql`truncate effects`.execute(system.database.query));
afterEach(() => system.stopAll());
afterAll(() => system[Symbol.asyncDispose]());

const kind = { name: 'pay', data: Type.Object({}) };
const retry = { firstDelayMs: 20, longestDelayMs: 50, pauseMs: 100 };
const write = (id: string, what: string) => async (tx: Transaction<unknown>) => {
  await sql`insert into effects values (${id}, ${what})`.execute(tx);
};
const effects = async () =>
  (await sql<{ task: string; what: string }>`select task, what from effects order by what`.execute(system.database.query)).rows;
const becomes = (id: string, expected: object) => eventually(async () => expect(await system.state(id)).toMatchObject(expected));

test.each([
  ['done', 'done'],
  ['permanent', 'dead'],
  ['transient', 'queued'],
  ['unavailable', 'queued'],
  ['unknown', 'queued'],
] as const)('what a service makes of %s is committed with the end of the run', async (status, becomesStatus) => {
  const run = async (_data: object, { id }: { id: string }): Promise<Outcome<unknown>> =>
    ({ status, reason: 'r', commit: write(id, status) }) as Outcome<unknown>;
  await system.start([task({ ...kind, retry: { ...retry, firstDelayMs: 3_600_000, longestDelayMs: 3_600_000, pauseMs: 3_600_000 }, run })]);
  const id = await system.enqueue(kind, {});
  await becomes(id, { status: becomesStatus });
  await eventually(async () => expect(await effects()).toEqual([{ task: id, what: status }]));
  await sql`delete from tasks`.execute(system.database.query);
  await sql`delete from task_pauses`.execute(system.database.query);
});

test('nothing is committed of a run whose task was taken away meanwhile', async () => {
  let runs = 0;
  const { promise: taken, resolve } = Promise.withResolvers<void>();
  const run = async (_data: object, { id }: { id: string }): Promise<Outcome<unknown>> => {
    const mine = ++runs;
    if (mine === 1) {
      await sql`update tasks set status = 'queued', owner = null where id = ${id}`.execute(system.database.query);
      system.database.notify(TASKS_CHANNEL);
      await taken;
    } else resolve();
    return { status: 'done', commit: write(id, `run ${mine}`) };
  };
  await system.start([task({ ...kind, retry, run })]);
  const id = await system.enqueue(kind, {});
  await becomes(id, { status: 'done' });
  // Both runs have come to their end.
  await system.stopAll();
  expect(runs).toBe(2);
  expect(await effects()).toEqual([{ task: id, what: 'run 2' }]);
});

test('a commit that is refused leaves the outcome unknown, with nothing done, and the next run decides anew', async () => {
  await sql`insert into effects values (gen_random_uuid(), 'taken')`.execute(system.database.query);
  let runs = 0;
  const run = async (_data: object, { id }: { id: string }): Promise<Outcome<unknown>> => ({
    status: 'done',
    commit: write(id, ++runs === 1 ? 'taken' : 'free'),
  });
  await system.start([task({ ...kind, retry, run })]);
  const id = await system.enqueue(kind, {});
  await becomes(id, { status: 'done' });
  expect((await system.attempts(id)).map(({ status, response }) => [status, response?.slice(0, 30) ?? null])).toEqual([
    ['unknown', 'the outcome was not committed:'],
    ['done', null],
  ]);
  expect(await effects()).toEqual([
    { task: id, what: 'free' },
    { task: expect.any(String), what: 'taken' },
  ]);
});

test('a commit that is refused by a rule of the service, though it says unavailable, is not repeated without end', async () => {
  const { event_too_new } = defineErrors({ event_too_new: { kind: 'unavailable', title: 'Too new.', cause: 'c', fix: 'f' } });
  let runs = 0;
  const run = async (_data: object, { id }: { id: string }): Promise<Outcome<unknown>> => {
    const isFirst = ++runs === 1;
    return {
      status: 'done',
      async commit(tx) {
        if (isFirst) throw event_too_new();
        await write(id, 'second run')(tx);
      },
    };
  };
  await system.start([task({ ...kind, retry, run })]);
  const id = await system.enqueue(kind, {});
  await becomes(id, { status: 'done' });
  expect((await system.attempts(id)).map(({ status }) => status)).toEqual(['unknown', 'done']);
  expect(await effects()).toEqual([{ task: id, what: 'second run' }]);
});

describe('an end that the database refuses', () => {
  beforeAll(async () => {
    await sql`
      create function refuse_response() returns trigger language plpgsql as $$ begin
        if new.response = 'refuse this' then raise exception 'as it was told'; end if;
        if new.response like '%refuse this and more%' then raise exception 'refuse this and more'; end if;
        return new;
      end $$`.execute(system.database.query);
    await sql`create trigger refuse_response before update on task_attempts for each row execute function refuse_response()`.execute(
      system.database.query,
    );
  });
  const answering = (reason: string): Task<unknown>['run'] => {
    let runs = 0;
    return async () => (++runs === 1 ? { status: 'permanent', reason } : { status: 'done' });
  };

  test('is stored as unknown, with the reason', async () => {
    await system.start([task({ ...kind, retry, run: answering('refuse this') })]);
    const id = await system.enqueue(kind, {});
    await becomes(id, { status: 'done' });
    expect(await system.attempts(id)).toEqual([
      { status: 'unknown', response: 'the outcome was not committed: error: as it was told' },
      { status: 'done', response: null },
    ]);
  });

  test('also as unknown, leaves the task to be reclaimed', async () => {
    await system.start([task({ ...kind, retry, run: answering('refuse this and more') })]);
    const id = await system.enqueue(kind, {});
    await becomes(id, { status: 'done' });
    expect(await system.attempts(id)).toEqual([
      { status: 'unknown', response: expect.stringContaining('the process that ran the task is gone, or does not know of it') },
      { status: 'done', response: null },
    ]);
  });
});

test('an end whose COMMIT was not answered has its effect once', async () => {
  let lost = 0;
  const run = async (_data: object, { id }: { id: string }): Promise<Outcome<unknown>> => ({ status: 'done', commit: write(id, 'once') });
  await system.start([task({ ...kind, retry, run })], {
    wrap: (database) => ({
      ...database,
      async transaction(body) {
        const result = await database.transaction(body);
        const isEnd = result === (true as unknown);
        if (isEnd && lost++ === 0) throw databaseErrors.database_unavailable();
        return result;
      },
    }),
  });
  const id = await system.enqueue(kind, {});
  await becomes(id, { status: 'done' });
  await eventually(() => expect(lost).toBe(1));
  expect(await effects()).toEqual([{ task: id, what: 'once' }]);
});
