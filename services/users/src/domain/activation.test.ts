import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ActivationRequest, mayBeMinted, REQUESTS_THAT_COUNT, waitForNextCode } from './activation.ts';
import { activated, newUser } from './user.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const start = new Date('2026-11-21T09:00:00Z');
const at = (milliseconds: number) => new Date(start.getTime() + milliseconds);
const request = (number: number, milliseconds: number): ActivationRequest => ({
  id: `request ${number}`,
  userId: 'ada',
  number,
  requestedAt: at(milliseconds),
});
/** Newest first, as the ledger gives them. */
const ledger = (...times: number[]) =>
  times
    .map((time, index) => request(index + 1, time))
    .reverse()
    .slice(0, REQUESTS_THAT_COUNT);

describe('the budget of codes', () => {
  test('five in an hour, the registration among them; then as long as the oldest of the five is younger than an hour', () => {
    expect(waitForNextCode(ledger(0, 1, 2, 3), at(4))).toBe(0);
    expect(waitForNextCode(ledger(0, 1, 2, 3, 4), at(5))).toBe(HOUR - 5);
    expect(waitForNextCode(ledger(0, 1, 2, 3, 4), at(HOUR - 1))).toBe(1);
    expect(waitForNextCode(ledger(0, 1, 2, 3, 4), at(HOUR))).toBe(0);
  });

  test('ten in a day', () => {
    const ten = ledger(...Array.from({ length: 10 }, (_, index) => index * HOUR));
    expect(waitForNextCode(ten, at(10 * HOUR))).toBe(14 * HOUR);
    expect(waitForNextCode(ten, at(24 * HOUR))).toBe(0);
  });

  test('no window of an hour ever holds more than five, none of a day more than ten, whenever requests come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 * HOUR }), { maxLength: 60 }), (pauses) => {
        const granted: number[] = [0];
        let now = 0;
        for (const pause of pauses) {
          now += pause;
          if (waitForNextCode(ledger(...granted), at(now)) === 0) granted.push(now);
        }
        const most = (windowMs: number) =>
          Math.max(...granted.map((from) => granted.filter((time) => time >= from && time < from + windowMs).length));
        expect(most(HOUR)).toBeLessThanOrEqual(5);
        expect(most(24 * HOUR)).toBeLessThanOrEqual(10);
      }),
    );
  });
});

describe('a code may be made', () => {
  const ada = newUser('ada', { email: 'ada@example.com', password: '', login: null, phone: null, fullName: null }, start);
  const first = request(1, 0);

  test('for the newest request of a pending account, for 15 minutes', () => {
    expect(mayBeMinted(first, ada, first, at(0))).toBe(true);
    expect(mayBeMinted(first, ada, first, at(15 * MINUTE - 1))).toBe(true);
    expect(mayBeMinted(first, ada, first, at(15 * MINUTE))).toBe(false);
  });

  test('for no request that a newer one has replaced', () => {
    expect(mayBeMinted(first, ada, request(2, 1), at(2))).toBe(false);
  });

  test('for no account that is active or blocked', () => {
    expect(mayBeMinted(first, activated(ada, at(1)), first, at(2))).toBe(false);
    expect(mayBeMinted(first, { ...ada, status: 'blocked' }, first, at(2))).toBe(false);
  });
});
