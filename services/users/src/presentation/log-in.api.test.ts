import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimsOf, peopleOf } from '../testing/people.ts';
import { somebody, tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
let people: ReturnType<typeof peopleOf>;

beforeAll(async () => {
  users = await usersUnderTest({ RATE_LIMITS: 'off' });
  people = peopleOf(users);
});
afterAll(() => users[Symbol.asyncDispose]());

describe('log-in', () => {
  test('by e-mail, login or phone, in any notation; the tokens say who it is', async () => {
    const person = { ...somebody(), login: `Ada${Date.now()}`, phone: '+49 30 901820' };
    const { id } = await people.active(person);
    for (const identifier of [
      person.email.toUpperCase(),
      person.login.toLowerCase(),
      ` ${person.login} `,
      '0049 (30) 90-1820',
      '+4930901820',
    ]) {
      const answer = await users.post('/v1/sessions', { identifier, password: person.password });
      expect(answer.statusCode, identifier).toBe(201);
      const { accessToken, user, ...rest } = answer.json();
      expect(rest).toEqual({ refreshToken: expect.stringMatching(/^stoa_rt_[\w-]{91}$/), tokenType: 'Bearer', expiresIn: 300 });
      expect(user).toMatchObject({ id, status: 'active', roles: ['user'] });
      expect(claimsOf(accessToken)).toMatchObject({ iss: 'stoa', aud: 'stoa', sub: id, roles: ['user'] });
    }
  });

  test('wrong password, unknown account and unreadable identifier are one answer', async () => {
    const { email } = await people.active();
    const attempts = [
      { identifier: email, password: 'not the password' },
      { identifier: 'nobody@example.com', password: 'not the password' },
      { identifier: 'nobody', password: 'not the password' },
      { identifier: '\u00b7\u00b7', password: '' },
    ];
    const bodies = [];
    for (const attempt of attempts) {
      const answer = await users.post('/v1/sessions', attempt);
      expect(answer.statusCode).toBe(401);
      bodies.push({ ...answer.json(), requestId: undefined });
    }
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
  });

  test('an account that is not active says so only to the right password', async () => {
    const person = await users.registered();
    expect((await people.logIn(person)).json()).toMatchObject({ status: 403, code: 'not_activated' });
    expect((await people.logIn({ ...person, password: 'not the password' })).json()).toMatchObject({ code: 'invalid_credentials' });
  });

  test('twenty right ones at a time all succeed, while a guesser from elsewhere is at it', async () => {
    const person = await people.active();
    const guesses = times(20, () => people.logIn({ ...person, password: 'not the password' }));
    await guesses;
    // From another client IP, which inject lets a test choose.
    const logIns = await times(20, () =>
      users.http.inject({
        method: 'POST',
        url: '/v1/sessions',
        remoteAddress: '198.51.100.7',
        payload: { identifier: person.email, password: person.password },
      }),
    );
    expect(tally(logIns)).toEqual({ '201': 20 });
  });

  test('failures and log-ins are audited', async () => {
    const person = await people.active();
    users.clock.advance(1);
    await people.logIn({ ...person, password: 'not the password' });
    users.clock.advance(1);
    await people.logIn(person);
    expect((await users.actionsOn(person.id)).slice(-2)).toEqual(['log-in-failed', 'logged-in']);
  });

  test.for([
    [{ identifier: 'x' }, '/password'],
    [{ identifier: 'x', password: 'y', roles: ['admin'] }, '/roles'],
    [{ identifier: '', password: 'y' }, '/identifier'],
    [{ identifier: ['x'], password: 'y' }, '/identifier'],
  ])('%j is refused, naming %s', async ([body, path]) => {
    const answer = await users.post('/v1/sessions', body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().errors).toContainEqual(expect.objectContaining({ path }));
  });
});

describe('notice of a new device', () => {
  const noticesTo = (email: string) =>
    users
      .receivedBy('mailer')
      .filter(({ type, data }) => type === 'account-notice-requested' && (data as { email: string }).email === email);

  test('not for the first one, nor for one that is known; for another one', async () => {
    const person = await people.active();
    await people.logIn(person, 'phone');
    await people.logIn(person, 'phone');
    await people.logIn(person, 'laptop');
    await eventually(() => expect(noticesTo(person.email)).toHaveLength(1));
    expect(noticesTo(person.email)[0]?.data).toMatchObject({ notice: 'new-device', device: 'laptop', address: '127.0.0.1' });
  });
});

describe('key rotation', () => {
  test('the key set shows the key that signs', async () => {
    const { accessToken } = await people.loggedIn();
    const { kid, alg, typ } = JSON.parse(Buffer.from(accessToken.split('.')[0] as string, 'base64url').toString());
    expect({ alg, typ }).toEqual({ alg: 'EdDSA', typ: 'at+jwt' });
    const answer = await users.http.inject('/.well-known/jwks.json');
    expect(answer.json().keys).toContainEqual({ kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA', kid, x: expect.any(String) });
    expect(answer.body).not.toContain('"d"');
  });
});
