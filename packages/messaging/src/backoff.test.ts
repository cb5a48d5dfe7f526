import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from './backoff.ts';

test('the wait doubles with each failure up to the longest, and lies in the upper half of that', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.integer({ min: 1, max: 2_000 }),
      (firstMs, more, failures) => {
        const longestMs = firstMs + more;
        const full = Math.min(firstMs * 2 ** (failures - 1), longestMs);
        const wait = backoffMs({ firstMs, longestMs }, failures);
        expect(wait).toBeGreaterThanOrEqual(Math.floor(full / 2));
        expect(wait).toBeLessThanOrEqual(full);
      },
    ),
  );
});

test('what failed together does not come back together', () => {
  const waits = Array.from({ length: 50 }, () => backoffMs({ firstMs: 10_000, longestMs: 10_000 }, 1));
  expect(new Set(waits).size).toBeGreaterThan(25);
});
