import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { basic, somebody, tally, times, type UsersUnderTest, usersUnderTest, wrong } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
beforeAll(async () => {
  users = await usersUnderTest();
});
afterAll(() => users[Symbol.asyncDispose]());

describe('activating', () => {
  test('with the code of the mail makes the account active, once, and is audited', async () => {
    const person = await users.registered();
    users.clock.advance(1);
    await users.activate(person, wrong(person.code));
    users.clock.advance(1);
    const answer = await users.activate(person, person.code);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ id: person.id, email: person.email, status: 'active' });
    expect(answer.headers['etag']).toBe('"2"');
    expect((await users.audit(person.id)).map(({ action, actor }) => [action, actor])).toEqual([
      ['user-registered', 'anonymous'],
      ['activation-code-refused', `user:${person.id}`],
      ['user-activated', `user:${person.id}`],
    ]);
    expect((await users.activate(person, person.code)).json()).toMatchObject({ status: 409, code: 'already_active' });
  });

  test('a wrong code is 400; the third one ends the code, the right one too; a new code opens three tries again', async () => {
    const person = await users.registered();
    for (let tries = 0; tries < 3; tries += 1) {
      expect((await users.activate(person, wrong(person.code))).json()).toMatchObject({ status: 400, code: 'code_invalid' });
    }
    const exhausted = await users.activate(person, person.code);
    expect(exhausted.json()).toMatchObject({ status: 429, code: 'code_attempts_exhausted' });
    expect(exhausted.headers['retry-after']).toBe('1');
    await users.resend(person);
    expect((await users.activate(person, await users.codeOf(person))).statusCode).toBe(200);
  });

  test('the right code counts at the third try', async () => {
    const person = await users.registered();
    await users.activate(person, wrong(person.code));
    await users.activate(person, wrong(person.code));
    expect((await users.activate(person, person.code)).statusCode).toBe(200);
  });

  test('a code lives until just before its minute is over, counted from its making', async () => {
    const [early, late] = [await users.registered(), somebody()];
    await users.register(late);
    users.clock.advance(5 * 60_000);
    const code = await users.codeOf(late);
    expect((await users.activate(early, early.code)).json()).toMatchObject({ status: 410, code: 'code_expired' });
    users.clock.advance(59_999);
    expect((await users.activate(late, wrong(code))).json()).toMatchObject({ code: 'code_invalid' });
    users.clock.advance(1);
    expect((await users.activate(late, code)).json()).toMatchObject({ status: 410, code: 'code_expired' });
  });

  test('before the mail has left every code is just wrong, and none counts', async () => {
    const person = somebody();
    await users.register(person);
    expect(tally(await times(6, () => users.activate(person, '1234')))).toEqual({ '400 code_invalid': 6 });
    expect((await users.activate(person, await users.codeOf(person))).statusCode).toBe(200);
  });

  test('the code of another account is wrong', async () => {
    const [one, other] = [await users.registered(), await users.registered()];
    if (one.code !== other.code) expect((await users.activate(one, other.code)).statusCode).toBe(400);
  });

  test('is answered in order: 401, 400 of the form, 409, 429, 410, 400 of the code', async () => {
    const person = await users.registered();
    const stranger = { ...person, password: 'not the password' };
    const codes = async (code: unknown, who = person) =>
      (await users.post('/v1/users/activation', { code }, { authorization: basic(who) })).json().code;
    await users.activate(person, wrong(person.code));
    expect(await codes('12', stranger)).toBe('invalid_credentials');
    users.clock.advance(60_000);
    expect(await codes('12')).toBe('validation_failed');
    expect(await codes(wrong(person.code))).toBe('code_expired');
    await users.resend(person);
    const second = await users.codeOf(person);
    await times(3, () => users.activate(person, wrong(second)));
    users.clock.advance(60_000);
    expect(await codes(second)).toBe('code_attempts_exhausted');
    await users.resend(person);
    const third = await users.codeOf(person);
    expect((await users.activate(person, third)).statusCode).toBe(200);
    expect(await codes(third)).toBe('already_active');
    expect(await codes('12', stranger)).toBe('invalid_credentials');
  });

  test.each([['12345'], ['123'], ['12a4'], ['١٢٣٤'], [' 1234'], ['1234\n'], [1234], [null], [['1234']], [{}]])(
    'code %j has not the form of a code',
    async (code) => {
      const person = somebody();
      await users.register(person);
      const answer = await users.post('/v1/users/activation', { code }, { authorization: basic(person) });
      expect(answer.json()).toMatchObject({ status: 400, code: 'validation_failed', errors: [{ path: '/code' }] });
    },
  );

  test('a blocked account is refused as blocked, and stays so', async () => {
    const person = await users.registered();
    await users.database.query.updateTable('users').set({ status: 'blocked' }).where('email', '=', person.email).execute();
    expect((await users.activate(person, person.code)).json()).toMatchObject({ status: 403, code: 'account_blocked' });
    expect((await users.resend(person)).json()).toMatchObject({ status: 403, code: 'account_blocked' });
  });
});

describe('twenty at the same time', () => {
  test('with the right code: one activates', async () => {
    const person = await users.registered();
    const counts = tally(await times(20, () => users.activate(person, person.code)));
    expect(counts['200']).toBe(1);
    const others = (counts['409 already_active'] ?? 0) + (counts['429 code_attempts_exhausted'] ?? 0);
    expect(others).toBe(19);
  });

  test('with wrong codes: three are compared', async () => {
    const person = await users.registered();
    expect(tally(await times(20, () => users.activate(person, wrong(person.code))))).toEqual({
      '400 code_invalid': 3,
      '429 code_attempts_exhausted': 17,
    });
    expect((await users.activate(person, person.code)).json()).toMatchObject({ code: 'code_attempts_exhausted' });
  });
});

test('codes may be longer', async () => {
  await using longer = await usersUnderTest({ CODE_LENGTH: '8', CODE_TTL_SECONDS: '90' });
  const person = await longer.registered();
  expect(person.code).toMatch(/^\d{8}$/);
  longer.clock.advance(89_999);
  expect((await longer.activate(person, person.code)).statusCode).toBe(200);
});
