import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createWorkQueue } from './work-queue.ts';

const OPTIONS = { workers: 2, maxWaiting: 3, maxWaitMs: 10_000 };
const never = new AbortController().signal;

/** Work that ends when it is told to. */
function work() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let begun = false;
  const run = () => {
    begun = true;
    return promise;
  };
  return { run, end: () => resolve('done'), fail: () => reject(new Error('failed')), begun: () => begun };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a bounded queue before a few workers', () => {
  test('does as much at a time as there are workers, and the rest in the order it came', async () => {
    const queue = createWorkQueue(OPTIONS);
    const all = Array.from({ length: 4 }, work);
    const results = all.map(({ run }) => queue.run(run, never));
    const begun = () => all.map((piece) => piece.begun());
    await vi.advanceTimersByTimeAsync(0);
    expect(begun()).toEqual([true, true, false, false]);
    expect(queue.waiting).toBe(2);
    all[1]?.end();
    await vi.advanceTimersByTimeAsync(0);
    expect(begun()).toEqual([true, true, true, false]);
    for (const piece of all) piece.end();
    expect(await Promise.all(results)).toEqual(['done', 'done', 'done', 'done']);
    expect(queue.waiting).toBe(0);
  });

  test('a failure of the work is its own, and frees the worker', async () => {
    const queue = createWorkQueue({ ...OPTIONS, workers: 1 });
    const [failing, next] = [work(), work()];
    const failed = expect(queue.run(failing.run, never)).rejects.toThrow('failed');
    const done = queue.run(next.run, never);
    failing.fail();
    next.end();
    await failed;
    expect(await done).toBe('done');
  });

  test('refuses at once when the queue is full, and takes again when there is room', async () => {
    const queue = createWorkQueue(OPTIONS);
    const all = Array.from({ length: 5 }, work);
    const results = all.map(({ run }) => queue.run(run, never));
    await expect(queue.run(work().run, never)).rejects.toMatchObject({ refusal: 'full' });
    for (const piece of all) piece.end();
    await Promise.all(results);
    const late = work();
    late.end();
    expect(await queue.run(late.run, never)).toBe('done');
  });

  test('refuses what has waited too long, but never what has begun', async () => {
    const queue = createWorkQueue({ ...OPTIONS, workers: 1 });
    const [first, second] = [work(), work()];
    const done = queue.run(first.run, never);
    const refused = expect(queue.run(second.run, never)).rejects.toMatchObject({ refusal: 'late' });
    await vi.advanceTimersByTimeAsync(9_999);
    expect(queue.waiting).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    await refused;
    expect(queue.waiting).toBe(0);
    first.end();
    expect(await done).toBe('done');
    expect(second.begun()).toBe(false);
  });

  test('an abort takes waiting work out of the queue, and only that', async () => {
    const queue = createWorkQueue({ ...OPTIONS, workers: 1 });
    const [running, leaving, staying] = [work(), work(), work()];
    const gone = new AbortController();
    const done = queue.run(running.run, gone.signal);
    const left = expect(queue.run(leaving.run, gone.signal)).rejects.toThrow('client gone');
    const stayed = queue.run(staying.run, never);
    gone.abort(new Error('client gone'));
    await left;
    expect(queue.waiting).toBe(1);
    running.end();
    staying.end();
    expect(await Promise.all([done, stayed])).toEqual(['done', 'done']);
    expect(leaving.begun()).toBe(false);
    await expect(queue.run(work().run, gone.signal)).rejects.toThrow('client gone');
    expect(vi.getTimerCount()).toBe(0);
  });
});
