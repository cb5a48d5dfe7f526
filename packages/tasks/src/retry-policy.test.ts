import { describe, expect, test } from 'vitest';
import { createRetryPolicy } from './retry-policy.ts';
import { defaultLimits } from './task.ts';

const policy = createRetryPolicy(defaultLimits);
const fresh = { failures: 0, unknowns: 0, deferrals: 0, ageSeconds: 0, patienceSeconds: Number.POSITIVE_INFINITY };
const DAYS = 24 * 3_600_000;

describe('a delay that the other side asks for', () => {
  test('is the least that is waited', () => {
    expect(policy.after('transient', fresh, { delayMs: 60_000, random: 0 })).toMatchObject({ delayMs: 60_000 });
    expect(policy.after('transient', fresh, { delayMs: 0, random: 0 })).toMatchObject({ delayMs: 0 });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -1])('of %d counts for nothing: the policy has its own', (delayMs) => {
    expect(policy.after('transient', fresh, { delayMs, random: 0.5 })).toMatchObject({ delayMs: 2_000 });
  });

  test('is thirty days at most', () => {
    expect(policy.after('transient', fresh, { delayMs: 1e300, random: 1 })).toMatchObject({ delayMs: 30 * DAYS });
  });
});
