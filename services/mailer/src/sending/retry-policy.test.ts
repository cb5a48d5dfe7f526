import type { Tried } from '@stoa/tasks';
import { describe, expect, test } from 'vitest';
import { afterFailure } from './retry-policy.ts';

const fresh: Tried = { failures: 0, unknowns: 0, deferrals: 0, ageSeconds: 0, patienceSeconds: 900 };
const queued = (tried: Partial<Tried>, failure: Parameters<typeof afterFailure>[0], random = 0.5) => {
  const verdict = afterFailure(failure, { ...fresh, ...tried }, random);
  if (verdict.status !== 'queued') throw new Error(`not queued but ${verdict.status}`);
  return verdict;
};

describe('after a try without success', () => {
  test('a permanent refusal is the end', () => {
    expect(afterFailure('permanent', fresh)).toEqual({ status: 'failed' });
  });

  test('a transient one comes again, each time twice as late, a quarter more or less', () => {
    expect([0, 1, 2, 3].map((failures) => queued({ failures }, 'transient').delayMs)).toEqual([2_000, 4_000, 8_000, 16_000]);
    expect([0, 1].map((random) => queued({}, 'transient', random).delayMs)).toEqual([1_500, 2_500]);
    expect(queued({}, 'transient')).toMatchObject({ counts: 'failures', pause: false });
  });

  test('transient refusals end after ten, or when the code is too old to be wanted', () => {
    expect(afterFailure('transient', { ...fresh, failures: 9 })).toEqual({ status: 'failed' });
    expect(afterFailure('transient', { ...fresh, ageSeconds: 899 })).toEqual({ status: 'failed' });
  });

  test('a server that takes nothing pauses all senders and does not count against the mail', () => {
    expect(queued({ failures: 9, unknowns: 2 }, 'unavailable')).toEqual({
      status: 'queued',
      delayMs: 10_000,
      counts: 'deferrals',
      pause: true,
    });
    expect(afterFailure('unavailable', { ...fresh, ageSeconds: 900 })).toEqual({ status: 'failed' });
  });

  test('a missing code delays this mail alone, never by more than some seconds', () => {
    expect([0, 1, 2, 50].map((deferrals) => queued({ deferrals }, 'no-secret').delayMs)).toEqual([2_000, 4_000, 8_000, 10_000]);
    expect(queued({}, 'no-secret')).toMatchObject({ counts: 'deferrals', pause: false });
  });

  test('an unknown end is tried again at most twice, and stays unknown then', () => {
    expect(queued({ unknowns: 1 }, 'unknown')).toMatchObject({ counts: 'unknowns' });
    expect(afterFailure('unknown', { ...fresh, unknowns: 2 })).toEqual({ status: 'unknown' });
    expect(afterFailure('unknown', { ...fresh, ageSeconds: 900 })).toEqual({ status: 'unknown' });
  });
});
