import { expect, test } from 'vitest';
import { startLoop } from './loop.ts';

const HOURS = 3_600_000;
const soon = () => new Promise<void>((resolve) => setImmediate(resolve));

test('a wake-up ends the wait', async () => {
  let steps = 0;
  const step = async () => {
    steps++;
    return HOURS;
  };
  const loop = startLoop({ step, onFailure: () => HOURS });
  await soon();
  expect(steps).toBe(1);
  loop.wake();
  await soon();
  expect(steps).toBe(2);
  await loop.stop();
});

test('a wake-up while a step runs is not lost', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let steps = 0;
  const step = async () => {
    if (++steps === 1) await promise;
    return HOURS;
  };
  const loop = startLoop({ step, onFailure: () => HOURS });
  loop.wake();
  resolve();
  await soon();
  expect(steps).toBe(2);
  await loop.stop();
});

test('a wake-up does not shorten the wait after a failure, and failures are counted until a step succeeds', async () => {
  const failures: number[] = [];
  let steps = 0;
  const loop = startLoop({
    async step() {
      if (++steps < 3) throw new Error('away');
      return HOURS;
    },
    onFailure(_error, count) {
      failures.push(count);
      return count === 1 ? 0 : HOURS;
    },
  });
  await soon();
  expect(failures).toEqual([1, 2]);
  loop.wake();
  await soon();
  expect(steps).toBe(2);
  await loop.stop();
});

test('a stop waits for the running step and begins no other', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let steps = 0;
  let stopped = false;
  const step = async () => {
    steps++;
    await promise;
    return 0;
  };
  const loop = startLoop({ step, onFailure: () => HOURS });
  const stop = loop.stop().then(() => {
    stopped = true;
  });
  await soon();
  expect(stopped).toBe(false);
  resolve();
  await stop;
  expect(steps).toBe(1);
});

test('the handler of a failure of the running step knows that the loop stops', async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  const told: boolean[] = [];
  const loop = startLoop({
    step: () => promise,
    onFailure(_error, _failures, stopping) {
      told.push(stopping.aborted);
      return HOURS;
    },
  });
  const stopped = loop.stop();
  reject(new Error('away'));
  await stopped;
  expect(told).toEqual([true]);
});
