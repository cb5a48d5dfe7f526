import { describe, expect, test } from 'vitest';
import { BCRYPT_LIMIT } from './password-rules.ts';
import { parsePerson } from './person.ts';

const rules = { limit: BCRYPT_LIMIT, isCommon: () => false };

describe('a person who registers', () => {
  test('is stored in one form', () => {
    const draft = {
      email: ' Ada@Example.com ',
      password: 'analytical engine',
      login: 'Ada.L',
      phone: '0049 30 901820',
      fullName: '  Ada Lovela\u0302ce ',
    };
    expect(parsePerson(draft, rules)).toEqual({
      person: { email: 'ada@example.com', password: 'analytical engine', login: 'ada.l', phone: '+4930901820', fullName: 'Ada Lovelâce' },
    });
  });

  test('may leave out login, phone and name', () => {
    expect(parsePerson({ email: 'ada@example.com', password: 'analytical engine' }, rules)).toMatchObject({
      person: { login: null, phone: null, fullName: null },
    });
  });

  test('may leave out the password where somebody else registers them, and only there', () => {
    const draft = { email: 'ada@example.com' };
    expect(parsePerson(draft, { ...rules, passwordless: true })).toMatchObject({ person: { password: null } });
    expect(parsePerson(draft, rules)).toEqual({ refusals: [{ field: 'password', message: 'is required' }] });
    const short = { ...draft, password: '' };
    expect(parsePerson(short, { ...rules, passwordless: true })).toHaveProperty('refusals.0.field', 'password');
  });

  test('is told everything that is wrong, field by field', () => {
    const draft = { email: 'ada', password: 'short', login: '1ada', phone: '12', fullName: ' ' };
    expect(parsePerson(draft, rules)).toMatchObject({
      refusals: [{ field: 'email' }, { field: 'login' }, { field: 'phone' }, { field: 'fullName' }, { field: 'password' }],
    });
  });

  test.each(['ad', '1ada', '.ada', 'ada lovelace', 'ada@x', 'ädä', 'a'.repeat(33), ' ada', 'ada\n'])('login %j is refused', (login) => {
    expect(parsePerson({ email: 'ada@example.com', password: 'analytical engine', login }, rules)).toHaveProperty(
      'refusals.0.field',
      'login',
    );
  });

  test.each(['', '\u2003', 'Ada\r\nBcc: eve@example.com', 'Ada\0', 'Ada\u2028', 'Ada \ud800', 'a'.repeat(201)])(
    'name %j is refused',
    (fullName) => {
      expect(parsePerson({ email: 'ada@example.com', password: 'analytical engine', fullName }, rules)).toHaveProperty(
        'refusals.0.field',
        'fullName',
      );
    },
  );

  test('names of all scripts, and of 200 characters, are welcome', () => {
    for (const fullName of ['李小龍', "Seán O'Brien-Smith", 'محمد', '🙂'.repeat(200)]) {
      expect(parsePerson({ email: 'ada@example.com', password: 'analytical engine', fullName }, rules)).toHaveProperty(
        'person.fullName',
        fullName,
      );
    }
  });
});
