import { describe, expect, test } from 'vitest';
import { type AccountLink, LINKS_AN_HOUR, mayBeMailed, stateOf, waitForNextLink } from './account-link.ts';
import { newUser } from './user.ts';

const start = new Date('2026-11-21T09:00:00Z');
const at = (ms: number) => new Date(start.getTime() + ms);
const HOUR = 3_600_000;
const ada = newUser('ada', { email: 'ada@example.com', password: null, login: null, phone: null, fullName: null }, start);
const link: AccountLink = {
  id: '1',
  userId: 'ada',
  purpose: 'reset-password',
  email: null,
  requestedAt: start,
  expiresAt: at(HOUR),
  usedAt: null,
};

describe('a link', () => {
  test('is mailed within a day of the request, to accounts that are not blocked, as long as nothing has used it up', () => {
    expect(mayBeMailed(link, ada, at(24 * HOUR - 1))).toBe(true);
    expect(mayBeMailed(link, ada, at(24 * HOUR))).toBe(false);
    expect(mayBeMailed(link, { ...ada, status: 'active' }, start)).toBe(true);
    expect(mayBeMailed(link, { ...ada, status: 'blocked' }, start)).toBe(false);
    expect(mayBeMailed({ ...link, usedAt: start }, ada, start)).toBe(false);
  });

  test('is open until it expires; used, not mailed or of a blocked account it is nothing', () => {
    expect(stateOf(link, ada, at(HOUR - 1))).toBe('open');
    expect(stateOf(link, ada, at(HOUR))).toBe('expired');
    expect(stateOf({ ...link, usedAt: start }, ada, at(HOUR))).toBe('invalid');
    expect(stateOf({ ...link, expiresAt: null }, ada, start)).toBe('invalid');
    expect(stateOf(link, { ...ada, status: 'blocked' }, start)).toBe('invalid');
  });

  test('is one of five in any hour', () => {
    const minutes = (...ago: number[]) => ago.map((minute) => at(-minute * 60_000));
    expect(waitForNextLink([], start)).toBe(0);
    expect(waitForNextLink(minutes(0, 0, 0, 0), start)).toBe(0);
    expect(waitForNextLink(minutes(0, 1, 2, 3, 59), start)).toBe(60_000);
    expect(waitForNextLink(minutes(0, 1, 2, 3, 60), start)).toBe(0);
    expect(LINKS_AN_HOUR).toBe(5);
  });
});
