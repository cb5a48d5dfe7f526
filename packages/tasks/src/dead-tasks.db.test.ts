import { createDeadLetters, type DeadLetters } from '@stoa/messaging';
import { createLog } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { deadTasks } from './dead-tasks.ts';
import { callTask } from './testing/call-task.ts';
import { taskFixture } from './testing/task-fixture.ts';

let system: Awaited<ReturnType<typeof taskFixture>>;
let letters: DeadLetters;
beforeAll(async () => {
  system = await taskFixture({ leftoversExpected: 'nothing handles the message that is dead' });
  letters = createDeadLetters({ database: system.database, log: createLog({ level: 'silent' }), sources: [deadTasks] });
});
afterEach(async () => {
  await system.stopAll();
  await sql`truncate tasks, task_attempts, inbox`.execute(system.database.query);
});
afterAll(() => system[Symbol.asyncDispose]());

const calling = (name = 'call') => callTask<unknown>(system.outside.url, { name });
const becomes = (id: string, expected: object) => eventually(async () => expect(await system.state(id)).toMatchObject(expected));

/** One that was refused for good. */
async function addDeadTask(name = 'call') {
  system.outside.behave(422);
  const { stop } = await system.start([calling(name)]);
  const id = await system.enqueue(calling(name), { n: 3 });
  await becomes(id, { status: 'dead' });
  await stop();
  return id;
}

describe('a dead task', () => {
  test('is a dead letter like all others: listed among them, shown with its data', async () => {
    const id = await addDeadTask();
    await sql`
      insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data, status, attempts, reason, failed_at)
      values ('on-rain', gen_random_uuid(), 'rain', 1, 'sky', 'k', now(), 'c', 't', '{}', 'dead', 12, 'too wet', now() - interval '1 h')`.execute(
      system.database.query,
    );
    const { items } = await letters.list();
    expect(items.map(({ box }) => box)).toEqual(['tasks', 'inbox']);
    const [letter] = items;
    expect(letter).toMatchObject({
      id: expect.stringMatching(/^tasks-[1-9]\d*$/),
      consumer: 'task:call',
      messageId: id,
      type: 'call',
      version: 1,
      key: 'call',
      attempts: 1,
      reason: 'answer 422',
      replays: 0,
    });
    expect(await letters.get(letter?.id ?? '')).toMatchObject({ messageId: id, data: { n: 3 }, lastReplay: undefined });
    expect((await letters.list({ box: 'tasks' })).items).toHaveLength(1);
    expect((await letters.list({ consumer: 'task:other' })).items).toEqual([]);
  });

  test('is replayed by its id: with all of its tries, and under a key that it has not used', async () => {
    const id = await addDeadTask();
    const [letter] = (await letters.list()).items;
    system.outside.behave(200);
    await system.start([calling()]);
    expect(await letters.replay(letter?.id ?? '', 'user:ada')).toBe(true);
    await becomes(id, { status: 'done' });
    expect(system.outside.calls.filter((call) => call.task === id).map(({ key }) => key)).toEqual([`${id}:1`, `${id}:2`]);
    expect(await letters.replay(letter?.id ?? '')).toBe(false);
  });

  test('has all of its tries again, also when it was given up after the last of them', async () => {
    system.outside.behave(500);
    const kind = callTask<unknown>(system.outside.url, { retry: { failures: 2, firstDelayMs: 10, longestDelayMs: 10 } });
    await system.start([kind]);
    const id = await system.enqueue(kind, {});
    await becomes(id, { status: 'dead', failures: 2 });
    await letters.replayAll({ type: 'call' }, { ratePerSecond: 100 });
    await eventually(() => expect(system.outside.calls.filter((call) => call.task === id)).toHaveLength(4));
    await becomes(id, { status: 'dead', failures: 2 });
  });

  test('shows its last replay, when that did not help', async () => {
    await addDeadTask();
    const [letter] = (await letters.list()).items;
    await system.start([calling()]);
    await letters.replayAll({ type: 'call' }, { ratePerSecond: 100, by: 'user:ada' });
    await eventually(async () => expect(await letters.get(letter?.id ?? '')).toMatchObject({ replays: 1, attempts: 2 }));
    expect((await letters.get(letter?.id ?? ''))?.lastReplay).toMatchObject({ by: 'user:ada', filter: { type: 'call' }, replayed: 1 });
  });

  test('is replayed by filter, each in its turn, and others are left', async () => {
    await sql`
      insert into tasks (id, kind, version, destination, data, correlation_id, traceparent, due_at, run_at, status, reason, failed_at)
      select gen_random_uuid(), case when n <= 20 then 'call' else 'other' end, 1, 'call', '{}', 'c', 't', now(), now(), 'dead', 'r', now()
      from generate_series(1, 25) as n`.execute(system.database.query);
    expect(await letters.replayAll({ box: 'tasks', type: 'call' }, { ratePerSecond: 10 })).toBe(20);
    const { rows } = await sql<{ kind: string; status: string; seconds: number }>`
      select kind, status, extract(epoch from max(run_at) - min(run_at))::float8 as seconds from tasks group by kind, status order by kind`.execute(
      system.database.query,
    );
    expect(rows).toEqual([
      { kind: 'call', status: 'queued', seconds: expect.closeTo(1.9, 1) },
      { kind: 'other', status: 'dead', seconds: 0 },
    ]);
    expect(await letters.replayAll({ box: 'inbox' })).toBe(0);
  });
});
