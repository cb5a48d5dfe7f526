import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { basic, type Person, somebody, tally, times, type UsersUnderTest, usersUnderTest, wrong } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
beforeAll(async () => {
  users = await usersUnderTest({ RATE_LIMITS: 'off' });
});
afterAll(() => users[Symbol.asyncDispose]());

const CHALLENGE = 'Basic realm="stoa", charset="UTF-8"';
const send = (authorization?: string, body: unknown = { code: '1234' }) =>
  users.post('/v1/users/activation', body, authorization === undefined ? {} : { authorization });
/** The problem, without what differs from request to request. */
const problemOf = async (authorization?: string) => {
  const answer = await send(authorization);
  const { requestId: _, ...problem } = answer.json();
  return { ...problem, challenge: answer.headers['www-authenticate'] };
};
const registered = async (person: Person) => {
  expect((await users.register(person)).statusCode).toBe(201);
  return person;
};
/** Credentials are right when the answer is about the code. */
const accepted = async (person: Person) => (await send(basic(person))).json().code === 'code_invalid';

describe('Basic credentials', () => {
  test('are the e-mail address in any letter case, and the password', async () => {
    const person = await registered(somebody());
    expect(await accepted({ ...person, email: person.email.toUpperCase() })).toBe(true);
  });

  test('split at the first colon', async () => {
    expect(await accepted(await registered({ ...somebody(), password: 'colons: here: and there:' }))).toBe(true);
  });

  test('are UTF-8, and passwords are the same in composed and decomposed form', async () => {
    const person = await registered({ ...somebody(), password: 'caf\u00e9 \u{1f511} \u0440\u0443\u0441' });
    expect(await accepted(person)).toBe(true);
    expect(await accepted({ ...person, password: person.password.normalize('NFD') })).toBe(true);
  });

  test('count every character of the password, spaces and the 72nd byte too', async () => {
    const person = await registered({ ...somebody(), password: ` ${'x'.repeat(70)} ` });
    expect(await accepted(person)).toBe(true);
    expect(await accepted({ ...person, password: person.password.trim() })).toBe(false);
    expect(await accepted({ ...person, password: person.password.slice(0, 71) })).toBe(false);
    expect(await accepted({ ...person, password: `${person.password}y` })).toBe(false);
    expect(await accepted({ ...person, password: person.password.toUpperCase() })).toBe(false);
  });

  test('an unknown account and a wrong password get the same answer', async () => {
    const person = await registered(somebody());
    const wrongPassword = await problemOf(basic({ ...person, password: 'something else' }));
    expect(wrongPassword).toMatchObject({ status: 401, code: 'invalid_credentials', challenge: CHALLENGE });
    for (const stranger of [somebody(), { email: '', password: '' }, { email: 'no address', password: 'x' }, { ...person, password: '' }]) {
      expect(await problemOf(basic(stranger))).toEqual(wrongPassword);
    }
  });

  test.each([
    ['none', undefined],
    ['another scheme', 'Bearer abc'],
    ['no colon', `Basic ${Buffer.from('ada').toString('base64')}`],
    ['not base64', 'Basic ada:secret'],
    ['not UTF-8', `Basic ${Buffer.from([0x61, 0x3a, 0xff]).toString('base64')}`],
    ['a NUL', basic({ email: 'ada@example.com', password: 'a\0b' })],
  ])('%s is 401 with the challenge', async (_, authorization) => {
    expect(await problemOf(authorization)).toMatchObject({ status: 401, code: 'credentials_required', challenge: CHALLENGE });
  });

  test('are checked before the body is read', async () => {
    expect((await send(basic(somebody()), { nonsense: true })).statusCode).toBe(401);
    const answer = await users.http.inject({
      method: 'POST',
      url: '/v1/users/activation',
      headers: { 'content-type': 'application/json' },
      payload: '{',
    });
    expect(answer.statusCode).toBe(401);
  });
});

describe('limits per client IP', () => {
  test('failures: wrong passwords and wrong codes count, what is right does not', async () => {
    await using limited = await usersUnderTest({ FAILURES_PER_MINUTE: '4' });
    const person = await limited.registered();
    const stranger = { ...person, password: 'something else' };
    for (let right = 0; right < 3; right += 1) expect((await limited.resend(person)).statusCode).toBe(202);
    const code = await limited.codeOf(person);
    for (let failures = 0; failures < 3; failures += 1) expect((await limited.activate(stranger, code)).statusCode).toBe(401);
    expect((await limited.activate(person, wrong(code))).statusCode).toBe(400);

    const refused = await limited.activate(person, code);
    expect(refused.json()).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(refused.headers).toMatchObject({
      'retry-after': '60',
      'ratelimit-policy': '"failures";q=4;w=60',
      ratelimit: '"failures";r=0;t=60',
    });
    limited.clock.advance(60_000);
    await limited.mint((await limited.requestsOf(person)).at(-1) as string);
    expect((await limited.activate(person, code)).statusCode).toBe(200);
  });

  test('being many is no failure: a hundred at a time that are right are all admitted', async () => {
    await using limited = await usersUnderTest({ RESENDS_PER_HOUR: '0' });
    const people = await times(100, () => limited.registered());
    expect(tally(await Promise.all(people.map((person) => limited.resend(person))))).toEqual({ '202': 100 });
    const activated = await Promise.all(people.map((person) => limited.activate(person, person.code)));
    expect(tally(activated)).toEqual({ '200': 100 });
    for (const { headers } of activated) expect(headers['ratelimit-policy']).toBe('"failures";q=60;w=60');
    for (const { headers } of activated) expect(headers['ratelimit']).toMatch(/^"failures";r=\d+;t=60$/);
  });

  test('a hundred wrong ones at a time are sixty failures; the right ones among them count for none', async () => {
    await using limited = await usersUnderTest();
    const person = await limited.registered();
    expect(tally(await times(100, () => limited.activate(somebody(), person.code)))).toEqual({
      '401 invalid_credentials': 60,
      '429 rate_limited': 40,
    });
    limited.clock.advance(60_000);
    const mixed = tally(await times(110, (index) => (index % 11 < 6 ? limited.activate(somebody(), '0000') : limited.resend(person))));
    expect(mixed['401 invalid_credentials']).toBe(60);
  });

  test('ten wrong passwords for one account from one client IP are enough, known or not, and RATE_LIMITS changes nothing', async () => {
    await using unlimited = await usersUnderTest({ RATE_LIMITS: 'off' });
    for (const person of [await unlimited.registered(), somebody()]) {
      const stranger = { ...person, password: 'something else' };
      expect(tally(await times(30, () => unlimited.activate(stranger, '0000')))).toEqual({
        '401 invalid_credentials': 10,
        '429 too_many_attempts': 20,
      });
      unlimited.clock.advance(899_000);
      expect((await unlimited.activate(stranger, '0000')).headers['retry-after']).toBe('1');
      unlimited.clock.advance(1_000);
      expect((await unlimited.activate(stranger, '0000')).statusCode).toBe(401);
    }
  });

  test('registrations, taken addresses among them', async () => {
    await using limited = await usersUnderTest({ REGISTRATIONS_PER_HOUR: '2' });
    const person = somebody();
    expect((await limited.register(person)).statusCode).toBe(201);
    expect((await limited.register(person)).statusCode).toBe(409);
    const refused = await limited.register(somebody());
    expect(refused.json()).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(refused.headers['retry-after']).toBe('3600');
  });

  test('resends', async () => {
    await using limited = await usersUnderTest({ RESENDS_PER_HOUR: '1' });
    const [one, other] = [await limited.registered(), await limited.registered()];
    expect((await limited.resend(one)).statusCode).toBe(202);
    expect((await limited.resend(other)).json()).toMatchObject({ status: 429, code: 'rate_limited' });
  });

  test('RATE_LIMITS=off turns them off, but no budget of an account', async () => {
    const person = await users.registered();
    for (let failures = 0; failures < 70; failures += 1) await users.activate(somebody(), '1234');
    for (let resends = 0; resends < 4; resends += 1) expect((await users.resend(person)).statusCode).toBe(202);
    expect((await users.resend(person)).json().code).toBe('code_budget_spent');
  });
});
