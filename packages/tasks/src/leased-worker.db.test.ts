import type { Database } from '@stoa/postgres';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { callTask } from './testing/call-task.ts';
import { taskFixture } from './testing/task-fixture.ts';

let system: Awaited<ReturnType<typeof taskFixture>>;
beforeAll(async () => {
  system = await taskFixture();
  // Each attempt waits for the lock that a test may hold; the first one is then refused.
  for (const statement of [
    'create sequence attempts_begun',
    `create function refuse_first() returns trigger language plpgsql as $$ begin
       perform pg_advisory_xact_lock_shared(7);
       if nextval('attempts_begun') = 1 then raise exception 'refused once'; end if;
       return new;
     end $$`,
    'create trigger refuse_first before insert on task_attempts for each row execute function refuse_first()',
  ])
    await sql.raw(statement).execute(system.database.query);
});
beforeEach(async () => {
  system.outside.behave(200);
  await refuseNext();
});
afterEach(() => system.stopAll());
afterAll(() => system[Symbol.asyncDispose]());

const calling = () => callTask<unknown>(system.outside.url);
const enqueueForLater = () => system.enqueue(calling(), {}, { runAt: new Date(Date.now() + 3_600_000) });
const startOnlyAnswering = (wrap: (database: Database<unknown>) => Database<unknown> = (whole) => whole) =>
  system.start([calling()], { runsBackgroundWork: false, wrap });
const callsOf = (id: string) => system.outside.calls.filter((call) => call.task === id);
const becomes = (id: string, expected: object) => eventually(async () => expect(await system.state(id)).toMatchObject(expected));
const refuseNext = () => sql`alter sequence attempts_begun restart`.execute(system.database.query);
const refuseNone = () => sql`select nextval('attempts_begun')`.execute(system.database.query);

/** Holds a lock until it is told to let go. */
async function hold(lock: ReturnType<typeof sql>) {
  const { promise: held, resolve: isHeld } = Promise.withResolvers<void>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const ended = system.database.transaction(async (tx) => {
    await lock.execute(tx);
    isHeld();
    await released;
  });
  await held;
  return async () => {
    release();
    await ended;
  };
}
const isWaitedFor = (statement: string) =>
  eventually(async () => {
    const { rows } = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like ${statement}`.execute(
      system.database.query,
    );
    expect(rows).toHaveLength(1);
  });

test('a task whose attempt could not be stored is put back, also when nothing else wakes the worker', async () => {
  const release = await hold(sql`select pg_advisory_xact_lock(7)`);
  let emptyClaims = 0;
  await system.start([calling()], {
    wrap: (database) => ({
      ...database,
      async transaction(body) {
        const result = await database.transaction(body);
        if ((result as { claimed?: unknown[] } | undefined)?.claimed?.length === 0) emptyClaims += 1;
        return result;
      },
    }),
  });
  const id = await system.enqueue(calling(), {});
  await isWaitedFor('%insert into task_attempts%');
  // From then on the worker waits, and nothing is left to claim.
  const before = emptyClaims;
  await eventually(() => expect(emptyClaims).toBeGreaterThan(before), { timeoutMs: 20_000 });
  await release();
  await becomes(id, { status: 'done', unknowns: 0 });
  expect(callsOf(id)).toHaveLength(1);
});

test('in a process that only answers requests, a task whose attempt could not be stored is put back', async () => {
  const worker = await startOnlyAnswering();
  const id = await enqueueForLater();
  expect(await worker.runNow(id, 10_000)).toBeUndefined();
  await becomes(id, { status: 'queued', owner: null });
  expect(await worker.runNow(id, 10_000)).toMatchObject({ status: 'done' });
});

test('in a process that only answers requests, a claim that was committed and not answered is put back', async () => {
  await refuseNone();
  let lost = 0;
  const worker = await startOnlyAnswering((database) => ({
    ...database,
    async transaction(body) {
      const result = await database.transaction(body);
      const isClaim = (result as { fence?: number } | undefined)?.fence !== undefined;
      if (isClaim && lost++ === 0) throw new Error('the answer to COMMIT was lost');
      return result;
    },
  }));
  const id = await enqueueForLater();
  expect(await worker.runNow(id, 10_000)).toBeUndefined();
  expect(lost).toBe(1);
  await becomes(id, { status: 'queued', owner: null });
  expect(await worker.runNow(id, 10_000)).toMatchObject({ status: 'done' });
  expect(callsOf(id)).toHaveLength(1);
});

test('a task that a request runs while the worker waits to reclaim others is not put back', async () => {
  const worker = await startOnlyAnswering();
  const release = await hold(sql`select from task_instances for key share`);
  const failing = await enqueueForLater();
  expect(await worker.runNow(failing, 10_000)).toBeUndefined();
  await isWaitedFor('select from "task_instances"%for update');
  system.outside.behave('hang');
  const id = await enqueueForLater();
  const outcome = worker.runNow(id, 60_000);
  await eventually(() => expect(callsOf(id)).toHaveLength(1));
  await release();
  await becomes(failing, { status: 'queued', owner: null });
  expect(await system.state(id)).toMatchObject({ status: 'running' });
  system.outside.answer(id, 0);
  expect(await outcome).toMatchObject({ status: 'done' });
  expect(await system.attempts(id)).toMatchObject([{ status: 'done' }]);
});
