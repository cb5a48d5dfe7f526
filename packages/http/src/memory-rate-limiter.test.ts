import { fakeClock } from '@stoa/service';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryRateLimiter } from './memory-rate-limiter.ts';
import { rateLimiterContract } from './rate-limiter-contract.ts';

const policy = { name: 'tries', limit: 3, windowSeconds: 60 };
const start = new Date('2026-01-01T00:00:00Z');

function limiterAt(clock = fakeClock(start), maxKeys?: number) {
  const limiter = createMemoryRateLimiter(clock, maxKeys);
  const consume = (key = 'a', of = policy) => limiter.consume(of, key);
  return { clock, limiter, consume };
}

rateLimiterContract('memory', async () => {
  const clock = fakeClock(start);
  const limiter = createMemoryRateLimiter(clock);
  return { limiters: [limiter, limiter], until: async (time) => clock.advance(time - clock.now().getTime()) };
});

describe('a limit', () => {
  test('holds until the last millisecond of its window, which begins with the first request', async () => {
    const { clock, consume } = limiterAt();
    for (let n = 0; n < 3; n++) await consume();
    clock.advance(59_999);
    expect(await consume()).toMatchObject({ allowed: false, remaining: 0, resetSeconds: 1 });
    clock.advance(1);
    expect(await consume()).toMatchObject({ allowed: true, remaining: 2, resetSeconds: 60 });
  });

  test('is not prolonged by what it refuses', async () => {
    const { clock, consume } = limiterAt();
    for (let n = 0; n < 30; n++) {
      await consume();
      clock.advance(2_000);
    }
    expect((await consume()).allowed).toBe(true);
  });

  test('is never passed within a window, whatever the pace', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 60 }), async (pauses) => {
        const { clock, consume } = limiterAt();
        const byWindow = new Map<number, number>();
        for (const pause of pauses) {
          clock.advance(pause);
          const { allowed, endsAt } = await consume();
          if (allowed) byWindow.set(endsAt, (byWindow.get(endsAt) ?? 0) + 1);
        }
        expect(Math.max(0, ...byWindow.values())).toBeLessThanOrEqual(3);
      }),
    );
  });
});

describe('memory', () => {
  test('is bounded: of too many keys the oldest is forgotten', async () => {
    const { consume } = limiterAt(undefined, 10);
    for (let n = 0; n < 3; n++) await consume('first');
    for (let n = 0; n < 9; n++) await consume(`key ${n}`);
    expect((await consume('first')).allowed, 'the tenth key still fits').toBe(false);
    await consume('one too many');
    expect((await consume('key 8')).remaining, 'the youngest are kept').toBe(1);
    expect((await consume('first')).allowed).toBe(true);
  });

  test('is shared out by policy: a flood of keys in one makes no other forget', async () => {
    const { consume } = limiterAt(undefined, 10);
    for (let n = 0; n < 3; n++) await consume('first');
    const reads = { name: 'reads', limit: 1, windowSeconds: 60 };
    for (let n = 0; n < 1_000; n++) await consume(`key ${n}`, reads);
    expect((await consume('first')).allowed).toBe(false);
    expect((await consume('key 999', reads)).allowed, 'the youngest of the flood are kept').toBe(false);
    expect((await consume('key 0', reads)).allowed).toBe(true);
  });
});
