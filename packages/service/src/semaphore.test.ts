import { expect, test } from 'vitest';
import { createSemaphore } from './semaphore.ts';

test('no more than allowed at a time, in the order they came, and a failure gives its permit back', async () => {
  const semaphore = createSemaphore(2);
  const order: number[] = [];
  let running = 0;
  let most = 0;
  const work = (n: number) =>
    semaphore.with(async () => {
      order.push(n);
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
      if (n === 1) throw new Error('fails');
    });
  const results = await Promise.allSettled([0, 1, 2, 3, 4].map(work));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
  expect(order).toEqual([0, 1, 2, 3, 4]);
  expect(most).toBe(2);
});
