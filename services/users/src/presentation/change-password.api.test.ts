import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linksOf } from '../testing/links.ts';
import { type LoggedIn, peopleOf, tokensOf } from '../testing/people.ts';
import { somebody, tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
let people: ReturnType<typeof peopleOf>;
let links: ReturnType<typeof linksOf>;
beforeAll(async () => {
  users = await usersUnderTest({ FAILURES_PER_MINUTE: '0' });
  people = peopleOf(users);
  links = linksOf(users);
});
afterAll(() => users[Symbol.asyncDispose]());

const NEW = 'quite another one';
const change = ({ accessToken }: { accessToken: string }, currentPassword: unknown, newPassword: unknown) =>
  people.as(accessToken, 'PUT', '/v1/users/me/password', { currentPassword, newPassword });
const logsIn = async ({ email }: LoggedIn, password: string) => (await people.logIn({ email, password })).statusCode;

describe('another password', () => {
  test('takes the place of the one before, in the session that goes on while the others end', async () => {
    const person = await people.loggedIn();
    const other = tokensOf(await people.logIn(person));
    expect(await change(person, person.password, NEW)).toMatchObject({ statusCode: 204, body: '' });
    expect((await people.as(person.accessToken)).statusCode).toBe(200);
    expect((await people.refresh(person.refreshToken)).statusCode).toBe(200);
    expect((await people.as(other.accessToken)).json()).toMatchObject({ code: 'token_invalid' });
    expect((await people.refresh(other.refreshToken)).json()).toMatchObject({ code: 'refresh_token_invalid' });
    expect([await logsIn(person, person.password), await logsIn(person, NEW)]).toEqual([401, 201]);
    const entry = (await users.audit(person.id)).find(({ action }) => action === 'password-changed');
    expect(entry).toMatchObject({ actor: `user:${person.id}`, details: { sessions: 1 } });
  });

  test('makes links that were mailed void', async () => {
    const person = await people.loggedIn();
    const token = await links.reset(person.email);
    await people.as(person.accessToken, 'PATCH', '/v1/users/me', { email: somebody().email });
    await change(person, person.password, NEW);
    expect((await links.confirm(token, 'a third one')).json()).toMatchObject({ code: 'link_invalid' });
    const open = users.database.query
      .selectFrom('account_links')
      .select('id')
      .where('user_id', '=', person.id)
      .where('used_at', 'is', null);
    expect(await open.execute()).toEqual([]);
  });

  test('is set once by twenty at the same time, and never leaves the account without one', async () => {
    const person = await people.loggedIn();
    const answers = await times(20, (n) => change(person, person.password, `pass phrase ${n}`));
    const { '204': changed, ...refused } = tally(answers);
    expect(changed).toBe(1);
    expect(Object.keys(refused).every((outcome) => ['401 invalid_credentials', '429 too_many_attempts'].includes(outcome))).toBe(true);
    // The failures of the account at this address are over by then.
    users.clock.advance(15 * 60_000);
    expect(await logsIn(person, `pass phrase ${answers.findIndex(({ statusCode }) => statusCode === 204)}`)).toBe(201);
  });

  test('is not set in a session that ended meanwhile: log-outs beside changes, 20 rounds', async () => {
    let rounds = 0;
    for (let round = 0; round < 20; round += 1) {
      const person = await people.loggedIn();
      const other = tokensOf(await people.logIn(person));
      const [changed, ended] = await Promise.all([
        change(person, person.password, NEW),
        people.as(other.accessToken, 'DELETE', '/v1/sessions'),
      ]);
      expect(ended.statusCode).toBeOneOf([204, 401]);
      if (changed.statusCode === 204) continue;
      rounds += 1;
      expect(changed.json()).toMatchObject({ status: 401, code: 'token_invalid' });
      expect(await logsIn(person, person.password)).toBe(201);
    }
    expect(rounds).toBeGreaterThan(0);
  });

  test('is only set with the current one', async () => {
    const person = await people.loggedIn();
    expect((await change(person, 'not the password', NEW)).json()).toMatchObject({ status: 401, code: 'invalid_credentials' });
    expect((await change(person, 'not the password', 'short')).json()).toMatchObject({ code: 'invalid_credentials' });
    expect(await logsIn(person, person.password)).toBe(201);
    expect((await users.audit(person.id)).map(({ action }) => action)).toContain('log-in-failed');
  });

  test('keeps the rules of registration', async () => {
    const person = await people.loggedIn();
    for (const password of ['short', 'password1', person.email, 'x'.repeat(73)]) {
      expect((await change(person, person.password, password)).json()).toMatchObject({ status: 400, errors: [{ path: '/newPassword' }] });
    }
    for (const body of [
      {},
      { currentPassword: person.password },
      { currentPassword: person.password, newPassword: NEW, userId: person.id },
    ]) {
      expect((await people.as(person.accessToken, 'PUT', '/v1/users/me/password', body)).json()).toMatchObject({
        code: 'validation_failed',
      });
    }
    expect(await logsIn(person, person.password)).toBe(201);
  });

  test('cannot be guessed by a thief of a session: ten wrong ones in fifteen minutes, parallel too', async () => {
    const person = await people.loggedIn();
    const answers = await times(20, (n) => change(person, `guess ${n}`, NEW));
    expect(tally(answers)).toEqual({ '401 invalid_credentials': 10, '429 too_many_attempts': 10 });
    expect((await change(person, person.password, NEW)).json()).toMatchObject({ code: 'too_many_attempts' });
  });

  test('needs an access token of a person', async () => {
    const body = { currentPassword: 'pass phrase 1', newPassword: NEW };
    expect((await users.http.inject({ method: 'PUT', url: '/v1/users/me/password', payload: body })).json()).toMatchObject({
      code: 'token_missing',
    });
  });
});
