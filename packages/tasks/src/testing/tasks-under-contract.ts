import { sql } from 'kysely';
import { MOST_CRASHES, TASKS_CHANNEL } from '../task.ts';
import { callTask } from './call-task.ts';
import type { LeasedWorkUnderTest } from './leased-work-contract.ts';
import { taskFixture } from './task-fixture.ts';

/** The default tables, for the contract of leased work. */
export async function tasksUnderContract(): Promise<LeasedWorkUnderTest> {
  const system = await taskFixture();
  const { database, outside } = system;
  const program = new URL('./killed-worker.ts', import.meta.url).pathname;

  return {
    db: database.query,
    group: { name: 'service tasks', table: 'task_instances' },
    mostCrashes: MOST_CRASHES,
    program: [program, system.url, outside.url],
    queue: async (count) => {
      const tasks: string[] = [];
      for (let n = 0; n < count; n += 1) tasks.push(await system.enqueue(callTask(outside.url), {}));
      return tasks;
    },
    async queueFor(instance) {
      const kind = callTask(outside.url);
      const id = await system.enqueue(kind, {}, { runAt: new Date(Date.now() + 3_600_000) });
      await sql`update tasks set status = 'running', owner = ${instance}, fence = 1, run_at = now() where id = ${id}`.execute(
        database.query,
      );
      return id;
    },
    behave: (behaviour) =>
      outside.behave(behaviour === 'hang' ? 'hang' : behaviour === 'accept' ? 200 : { status: 200, afterMs: behaviour.acceptAfterMs }),
    answer: outside.answer,
    callsOf: (task) => outside.calls.filter((call) => call.task === task).map(({ key }) => key),
    hanging: outside.hanging,
    attemptsOf: async (task) => (await system.attempts(task)).map(({ status }) => status),
    async stateOf(task) {
      const { status, owner } = await system.state(task);
      return { status: status === 'dead' ? 'given up' : status, owner };
    },
    setCrashes: async (task, count) => void (await sql`update tasks set unknowns = ${count} where id = ${task}`.execute(database.query)),
    async takeAway(task) {
      await sql`update tasks set status = 'queued', owner = null, run_at = now() where id = ${task}`.execute(database.query);
      database.notify(TASKS_CHANNEL);
    },
    start: ({ concurrency, wrap, ...settings } = {}) =>
      system.start([callTask(outside.url, concurrency === undefined ? {} : { concurrency })], { ...settings, ...(wrap && { wrap }) }),
    [Symbol.asyncDispose]: system[Symbol.asyncDispose],
  };
}
