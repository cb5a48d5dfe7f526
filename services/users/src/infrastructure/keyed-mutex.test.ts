import { expect, test } from 'vitest';
import { createKeyedMutex } from './keyed-mutex.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('work that shares a key runs one after the other, in the order it came', async () => {
  const oneByOne = createKeyedMutex();
  const events: string[] = [];
  const work = (name: string) => async () => {
    events.push(`${name} begins`);
    await turn();
    events.push(`${name} ends`);
  };
  await Promise.all([
    oneByOne(['email:a', 'login:x'], work('first')),
    oneByOne(['login:x', 'phone:1'], work('second')),
    oneByOne(['phone:1'], work('third')),
  ]);
  expect(events).toEqual(['first begins', 'first ends', 'second begins', 'second ends', 'third begins', 'third ends']);
});

test('work without a common key does not wait', async () => {
  const oneByOne = createKeyedMutex();
  const { promise, resolve } = Promise.withResolvers<void>();
  const blocked = oneByOne(['email:a'], () => promise);
  expect(await oneByOne(['email:b'], async () => 'done')).toBe('done');
  resolve();
  await blocked;
});

test('keys in any order cannot wait for each other in a circle', async () => {
  const oneByOne = createKeyedMutex();
  const rounds = Array.from({ length: 100 }, (_, round) => oneByOne(round % 2 ? ['a', 'b'] : ['b', 'a'], turn));
  await Promise.all(rounds);
});

test('a failure is its own, and lets the next one in', async () => {
  const oneByOne = createKeyedMutex();
  const failing = oneByOne(['a'], () => Promise.reject(new Error('failed')));
  const next = oneByOne(['a'], async () => 'done');
  await expect(failing).rejects.toThrow('failed');
  expect(await next).toBe('done');
});
