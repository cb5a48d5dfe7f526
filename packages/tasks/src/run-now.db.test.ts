import { eventually } from '@stoa/service/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { callTask } from './testing/call-task.ts';
import { taskFixture } from './testing/task-fixture.ts';

let system: Awaited<ReturnType<typeof taskFixture>>;
beforeAll(async () => {
  system = await taskFixture();
});
beforeEach(() => system.outside.behave(200));
afterEach(() => system.stopAll());
afterAll(() => system[Symbol.asyncDispose]());

const calling = () => callTask<unknown>(system.outside.url, { retry: { firstDelayMs: 20, longestDelayMs: 50 } });
/** As a request does that wants to be the first. */
const enqueue = () => system.enqueue(calling(), {}, { runAt: new Date(Date.now() + 3_600_000) });
const startOnlyAnswering = () => system.start([calling()], { runsBackgroundWork: false });
const callsOf = (id: string) => system.outside.calls.filter((call) => call.task === id);
const becomes = (id: string, expected: object) => eventually(async () => expect(await system.state(id)).toMatchObject(expected));

test('a request gets the outcome of its task, in a process that runs nothing else', async () => {
  const worker = await startOnlyAnswering();
  const id = await enqueue();
  expect(await worker.runNow(id, 10_000)).toEqual({ status: 'done', response: 'answer 200' });
  expect(await system.state(id)).toMatchObject({ status: 'done' });
  const other = await system.enqueue(calling(), {});
  const third = await enqueue();
  await worker.runNow(third, 10_000);
  expect(await system.state(other)).toMatchObject({ status: 'queued' });
  await system.start([calling()]);
  await becomes(other, { status: 'done' });
});

test('one that does not come in time is not waited for, goes on, and is called for once', async () => {
  system.outside.behave('hang');
  const worker = await startOnlyAnswering();
  const id = await enqueue();
  expect(await worker.runNow(id, 200)).toBeUndefined();
  expect(await system.state(id)).toMatchObject({ status: 'running' });
  await eventually(() => system.outside.answer(id, 0));
  await becomes(id, { status: 'done' });
  expect(callsOf(id)).toHaveLength(1);
});

test('of many processes that want one task now, one runs it', async () => {
  system.outside.behave({ status: 200, afterMs: 100 });
  const workers = await Promise.all(Array.from({ length: 4 }, startOnlyAnswering));
  const id = await enqueue();
  const outcomes = await Promise.all(workers.flatMap((worker) => [worker.runNow(id, 10_000), worker.runNow(id, 10_000)]));
  expect(outcomes.filter((outcome) => outcome !== undefined)).toHaveLength(1);
  expect(callsOf(id)).toHaveLength(1);
});

test('what is not done now is left to those that run in turn', async () => {
  system.outside.behave(500);
  const answering = await startOnlyAnswering();
  const id = await enqueue();
  expect(await answering.runNow(id, 10_000)).toEqual({ status: 'transient', reason: 'answer 500' });
  await answering.stop();
  system.outside.behave(200);
  await system.start([calling()]);
  await becomes(id, { status: 'done' });
  expect(callsOf(id).map(({ key }) => key)).toEqual([`${id}:1`, `${id}:2`]);
});

test('no more than 32 at a time: a request beyond them does not wait', async () => {
  system.outside.behave('hang');
  const worker = await startOnlyAnswering();
  const ids = await Promise.all(Array.from({ length: 33 }, enqueue));
  const waiting = ids.slice(0, 32).map((id) => worker.runNow(id, 30_000));
  expect(await worker.runNow(ids[32] as string, 30_000)).toBeUndefined();
  for (const id of ids.slice(0, 32)) await eventually(() => system.outside.answer(id, 0));
  expect(await Promise.all(waiting)).toEqual(Array.from({ length: 32 }, () => ({ status: 'done', response: 'answer 200' })));
  expect(callsOf(ids[32] as string)).toEqual([]);
  system.outside.behave(200);
  expect(await worker.runNow(ids[32] as string, 30_000)).toMatchObject({ status: 'done' });
});

test('a process that stops takes up nothing more, also while it finishes running tasks', async () => {
  system.outside.behave('hang');
  const worker = await startOnlyAnswering();
  const first = await enqueue();
  const outcome = worker.runNow(first, 10_000);
  await eventually(() => expect(callsOf(first)).toHaveLength(1));
  const stopped = worker.stop();
  const id = await enqueue();
  expect(await worker.runNow(id, 10_000)).toBeUndefined();
  expect(callsOf(id)).toEqual([]);
  system.outside.answer(first, 0);
  await stopped;
  expect(await outcome).toMatchObject({ status: 'done' });
  system.outside.behave(200);
  const next = await startOnlyAnswering();
  expect(await next.runNow(id, 10_000)).toMatchObject({ status: 'done' });
});
