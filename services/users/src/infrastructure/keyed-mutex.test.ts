import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { withDeadline } from '../application/deadline.ts';
import { createKeyedMutex } from './keyed-mutex.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const { signal: never } = new AbortController();

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

test('work that shares a key runs one after the other, in the order it came', async () => {
  const keyedMutex = createKeyedMutex();
  const events: string[] = [];
  const work = (name: string) => async () => {
    events.push(`${name} begins`);
    await turn();
    events.push(`${name} ends`);
  };
  await Promise.all([
    keyedMutex(['email:a', 'login:x'], work('first'), never),
    keyedMutex(['login:x', 'phone:1'], work('second'), never),
    keyedMutex(['phone:1'], work('third'), never),
  ]);
  expect(events).toEqual(['first begins', 'first ends', 'second begins', 'second ends', 'third begins', 'third ends']);
});

test('work without a common key does not wait', async () => {
  const keyedMutex = createKeyedMutex();
  const { promise, resolve } = Promise.withResolvers<void>();
  const blocked = keyedMutex(['email:a'], () => promise, never);
  expect(await keyedMutex(['email:b'], async () => 'done', never)).toBe('done');
  resolve();
  await blocked;
});

test('keys in any order cannot wait for each other in a circle', async () => {
  const keyedMutex = createKeyedMutex();
  const rounds = Array.from({ length: 100 }, (_, round) => keyedMutex(round % 2 ? ['a', 'b'] : ['b', 'a'], turn, never));
  await Promise.all(rounds);
});

test('a failure is its own, and lets the next one in', async () => {
  const keyedMutex = createKeyedMutex();
  const failing = keyedMutex(['a'], () => Promise.reject(new Error('failed')), never);
  const next = keyedMutex(['a'], async () => 'done', never);
  await expect(failing).rejects.toThrow('failed');
  expect(await next).toBe('done');
});

test('an abort takes waiting work out of the queue, and lets nobody overtake the work before it', async () => {
  const keyedMutex = createKeyedMutex();
  const { promise, resolve } = Promise.withResolvers<void>();
  const gone = new AbortController();
  const events: string[] = [];
  const first = keyedMutex(['a'], () => promise, never).then(() => events.push('first'));
  const second = expect(keyedMutex(['a'], async () => events.push('second'), gone.signal)).rejects.toThrow('client gone');
  const third = keyedMutex(['a'], async () => events.push('third'), never);
  gone.abort(new Error('client gone'));
  await second;
  await turn();
  expect(events).toEqual([]);
  resolve();
  await Promise.all([first, third]);
  expect(events).toEqual(['first', 'third']);
  await expect(keyedMutex(['a'], turn, gone.signal)).rejects.toThrow('client gone');
});

test('with a deadline nobody waits longer than ten seconds, however long the line', async () => {
  const keyedMutex = createKeyedMutex();
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = keyedMutex(['a'], () => promise, never);
  const line = Array.from({ length: 5 }, () => withDeadline(never, (deadline) => keyedMutex(['a'], turn, deadline)));
  const settled = Promise.allSettled(line);
  await vi.advanceTimersByTimeAsync(10_000);
  for (const result of await settled) {
    expect(result).toMatchObject({ reason: { kind: 'unavailable', code: 'hashing_busy', retryAfterSeconds: 5 } });
  }
  resolve();
  await first;
  expect(await keyedMutex(['a'], async () => 'done', never)).toBe('done');
  expect(vi.getTimerCount()).toBe(0);
});
