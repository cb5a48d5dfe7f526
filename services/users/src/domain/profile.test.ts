import { describe, expect, test } from 'vitest';
import { differences, parseProfile, profileChanged } from './profile.ts';
import { newUser } from './user.ts';

const start = new Date('2026-11-21T09:00:00Z');
const later = new Date('2026-11-21T10:00:00Z');
const ada = newUser('ada', { email: 'ada@example.com', password: null, login: 'ada', phone: null, fullName: 'Ada' }, start);

describe('a change of a profile', () => {
  test('is read field by field in the form that is stored; null takes away, absent leaves', () => {
    const draft = { email: ' Ada@Example.com', login: 'ADA', phone: '0049 30 901820', fullName: null };
    expect(parseProfile(draft, {})).toEqual({ change: { email: 'ada@example.com', login: 'ada', phone: '+4930901820', fullName: null } });
    expect(parseProfile({}, {})).toEqual({ change: {} });
    expect(parseProfile({ phone: '030 901820' }, { defaultRegion: 'DE' })).toEqual({ change: { phone: '+4930901820' } });
  });

  test('is refused with all that is wrong', () => {
    const draft = { email: 'ada', login: '1', phone: '12', fullName: ' ' };
    expect(parseProfile(draft, {})).toMatchObject({
      refusals: [{ field: 'email' }, { field: 'login' }, { field: 'phone' }, { field: 'fullName' }],
    });
  });

  test('raises the version where something differs, and there alone', () => {
    expect(profileChanged(ada, { login: 'ada', fullName: 'Ada' }, later)).toBe(ada);
    expect(profileChanged(ada, { login: null }, later)).toEqual({ ...ada, login: null, version: 2, updatedAt: later });
    expect(differences(ada, { email: 'ada@example.com', login: null, fullName: 'Ada King' })).toEqual(['login', 'fullName']);
  });
});
