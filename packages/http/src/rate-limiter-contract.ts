import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { RateLimiter } from './rate-limit.ts';

export interface LimitersUnderTest {
  /** Two of different processes, where the store can be shared; else one twice. */
  readonly limiters: readonly [RateLimiter, RateLimiter];
  /** Resolves when the store's clock shows this time. */
  until(time: number): Promise<void>;
}

const policy = { name: 'tries', limit: 3, windowSeconds: 3_600 };
const short = { ...policy, windowSeconds: 1 };
const FOREVER_MS = 3_600_000;

/** What every adapter of the port `RateLimiter` must do. */
export function rateLimiterContract(name: string, create: () => Promise<LimitersUnderTest>): void {
  describe(`rate limiter: ${name}`, () => {
    let one: RateLimiter;
    let other: RateLimiter;
    let until: LimitersUnderTest['until'];
    beforeAll(async () => {
      ({
        limiters: [one, other],
        until,
      } = await create());
    });
    const newKey = () => `somebody ${randomUUID()}`;
    /** At the same time, by turns from one process and the other. */
    const times = <T>(count: number, work: (limiter: RateLimiter) => Promise<T>) =>
      Promise.all(Array.from({ length: count }, (_, index) => work(index % 2 === 0 ? one : other)));
    const left = async (key: string) => {
      const states = await times(policy.limit + 1, (limiter) => limiter.consume(policy, key));
      return states.filter(({ allowed }) => allowed).length;
    };

    test('of parallel requests exactly so many are let through, each told how many are left', async () => {
      const key = newKey();
      const states = await times(50, (limiter) => limiter.consume(policy, key));
      const allowed = states.filter((state) => state.allowed).map(({ remaining }) => remaining);
      expect(allowed.toSorted()).toEqual([0, 1, 2]);
      expect(new Set(states.filter((state) => !state.allowed).map(({ remaining }) => remaining))).toEqual(new Set([0]));
    });

    test('a window begins with its first request, and neither what it lets through nor what it refuses prolongs it', async () => {
      const key = newKey();
      const states = await times(20, (limiter) => limiter.consume(policy, key));
      expect(new Set(states.map(({ endsAt }) => endsAt)).size).toBe(1);
      for (const { resetSeconds } of states) expect(resetSeconds).toBeGreaterThan(3_000);
      for (const { resetSeconds } of states) expect(resetSeconds).toBeLessThanOrEqual(3_600);
    });

    test('at its end all places are free, in a window of its own', async () => {
      const key = newKey();
      const [first] = await times(20, (limiter) => limiter.consume(short, key));
      await until(first?.endsAt as number);
      const next = await one.consume(policy, key);
      expect(next).toMatchObject({ allowed: true, remaining: 2, undecided: 0 });
      expect(next.endsAt).toBeGreaterThan(first?.endsAt as number);
    });

    test('each key and each policy is counted for itself', async () => {
      const key = newKey();
      await times(4, (limiter) => limiter.consume(policy, key));
      expect((await one.consume(policy, key)).allowed).toBe(false);
      expect((await one.consume(policy, newKey())).allowed).toBe(true);
      expect((await one.consume({ ...policy, name: 'others' }, key)).allowed).toBe(true);
    });

    test('a limit that was lowered leaves none, not fewer than none', async () => {
      const key = newKey();
      for (let n = 0; n < 3; n += 1) await one.consume(policy, key);
      expect(await one.consume({ ...policy, limit: 1 }, key)).toMatchObject({ allowed: false, remaining: 0 });
    });

    test('a refund gives one place back, and no more than were taken', async () => {
      const key = newKey();
      const state = await one.consume(policy, key);
      await other.refund(policy, key, state);
      await one.refund(policy, key, state);
      expect(await left(key)).toBe(3);
    });

    test('a refund that comes after its window ended takes nothing from the next one', async () => {
      const key = newKey();
      const early = await one.reserve(short, key, FOREVER_MS);
      await until(early.endsAt);
      await one.consume(policy, key);
      await other.refund(policy, key, early);
      expect(await left(key)).toBe(2);
    });

    test('what is reserved is taken, and undecided to others until it is confirmed or refunded', async () => {
      const key = newKey();
      const [stays, goes] = [await one.reserve(policy, key, FOREVER_MS), await other.reserve(policy, key, FOREVER_MS)];
      expect([stays, goes]).toMatchObject([
        { allowed: true, remaining: 2, undecided: 0 },
        { allowed: true, remaining: 1, undecided: 1 },
      ]);
      await one.consume(policy, key);
      expect(await one.reserve(policy, key, FOREVER_MS), 'what is refused reserves nothing').toMatchObject({
        allowed: false,
        undecided: 2,
      });
      await other.confirm(policy, key, stays);
      expect(await other.consume(policy, key)).toMatchObject({ allowed: false, undecided: 1 });
      await one.refund(policy, key, goes);
      expect(await other.consume(policy, key)).toMatchObject({ allowed: true, remaining: 0, undecided: 0 });
      expect(await one.consume(policy, key)).toMatchObject({ allowed: false, undecided: 0 });
    });

    test('of parallel reservations exactly so many are let through, and each that is given back is free for another', async () => {
      const key = newKey();
      const states = await times(50, (limiter) => limiter.reserve(policy, key, FOREVER_MS));
      const taken = states.filter(({ allowed }) => allowed);
      expect(taken).toHaveLength(3);
      await Promise.all(taken.map((state) => one.refund(policy, key, state)));
      expect(await left(key)).toBe(3);
    });

    test('a reservation that nobody decides counts as decided after its time, and stays taken', async () => {
      const key = newKey();
      const { endsAt } = await one.reserve(policy, key, 200);
      await until(endsAt - policy.windowSeconds * 1_000 + 200);
      expect(await other.consume(policy, key)).toMatchObject({ allowed: true, remaining: 1, undecided: 0 });
    });
  });
}
