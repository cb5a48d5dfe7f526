import { describe, expect, test } from 'vitest';
import { profileToPublish, publicName } from './public-profile.ts';
import { activated, blocked, newUser, type User, unblocked } from './user.ts';

const now = new Date('2026-11-21T09:00:00Z');
const person = { email: 'ada@example.com', password: null, login: 'ada', phone: null, fullName: 'Ada Lovelace' };
const pending = newUser('0199d3a0-0000-7000-8000-000000000002', person, now);
const active = activated(pending, now);
const renamed = (user: User, names: Partial<User>): User => ({ ...user, ...names, version: user.version + 1 });

test.each([
  [{ fullName: 'Ada Lovelace', login: 'ada' }, 'Ada Lovelace'],
  [{ fullName: null, login: 'ada' }, 'ada'],
  [{ fullName: null, login: null }, null],
])('a person is called by the full name, else the login: %j', (names, name) => {
  expect(publicName(names)).toBe(name);
});

describe('a profile is published', () => {
  test('when an account becomes active, or is so from the beginning', () => {
    const told = { userId: pending.id, name: 'Ada Lovelace', version: 2 };
    expect(profileToPublish(pending, active)).toEqual(told);
    expect(profileToPublish(undefined, active)).toEqual(told);
    expect(profileToPublish(undefined, { ...active, fullName: null, login: null })).toEqual({ ...told, name: null });
  });

  test('for another name of an account that is or was active', () => {
    for (const before of [active, blocked(active, now)]) {
      expect(profileToPublish(before, renamed(before, { fullName: 'Ada King' }))).toMatchObject({
        name: 'Ada King',
        version: before.version + 1,
      });
      expect(profileToPublish(before, renamed(before, { fullName: null }))).toMatchObject({ name: 'ada' });
    }
  });

  test('for no change that leaves the name, a login behind a full name among them', () => {
    expect(profileToPublish(active, renamed(active, { login: 'countess', phone: '+4930901821' }))).toBeUndefined();
    expect(profileToPublish(active, blocked(active, now))).toBeUndefined();
    expect(profileToPublish(blocked(active, now), unblocked(blocked(active, now), now))).toBeUndefined();
  });

  test('for no account that was never active', () => {
    expect(profileToPublish(undefined, pending)).toBeUndefined();
    for (const before of [pending, blocked(pending, now)]) {
      expect(profileToPublish(before, renamed(before, { fullName: 'Ada King' }))).toBeUndefined();
    }
    expect(profileToPublish(pending, blocked(pending, now))).toBeUndefined();
  });
});
