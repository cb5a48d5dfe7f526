import { randomBytes } from 'node:crypto';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linksOf } from '../testing/links.ts';
import { peopleOf } from '../testing/people.ts';
import { basic, somebody, tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

const MINUTE = 60_000;
let users: UsersUnderTest;
let links: ReturnType<typeof linksOf>;
let people: ReturnType<typeof peopleOf>;
beforeAll(async () => {
  users = await usersUnderTest({ FAILURES_PER_MINUTE: '0', PASSWORD_RESETS_PER_HOUR: '0' });
  links = linksOf(users);
  people = peopleOf(users);
});
afterAll(() => users[Symbol.asyncDispose]());

const invalid = { status: 400, code: 'link_invalid' };
const expired = { status: 410, code: 'link_expired' };
const block = (id: string) => users.database.query.updateTable('users').set({ status: 'blocked' }).where('id', '=', id).execute();
const logsIn = async (email: string, password: string) => (await people.logIn({ email, password })).statusCode;

describe('a request for a new password', () => {
  test('has a link mailed to the account, whatever the letter case of the address', async () => {
    const { id, email } = await people.active();
    expect((await links.askForReset(` ${email.toUpperCase()}`)).statusCode).toBe(202);
    const [request, ...more] = await links.requests(email);
    expect(more).toEqual([]);
    expect(request).toMatchObject({ userId: id, email, fullName: null, purpose: 'reset-password' });
    const mail = await eventually(
      () => users.receivedBy('mailer').find(({ type, key }) => type === 'account-link-requested' && key === id) ?? Promise.reject(),
    );
    expect(mail.data).toEqual(request);
    expect(await users.actionsOn(id)).toContain('password-reset-requested');
  });

  test('is answered the same for everybody, and mailed to nobody unknown or blocked', async () => {
    const [active, blocked, pending, unknown] = [await people.active(), await people.active(), somebody(), somebody()];
    await users.register(pending);
    await block(blocked.id);
    const answers = [];
    for (const { email } of [active, blocked, pending, unknown]) answers.push(await links.askForReset(email));
    const seen = answers.map(({ statusCode, body, headers }) => {
      const { date, 'x-correlation-id': _, ...others } = headers;
      return { statusCode, body, others };
    });
    expect(seen).toEqual(Array(4).fill(seen[0]));
    expect(seen[0]).toMatchObject({ statusCode: 202, body: '' });
    const mailed = await Promise.all([active, blocked, pending, unknown].map(({ email }) => links.requests(email)));
    expect(mailed.map(({ length }) => length)).toEqual([1, 0, 1, 0]);
  });

  test('is limited to five an hour for an account, silently, twenty at once too', async () => {
    const { email } = await people.active();
    expect(tally(await times(20, () => links.askForReset(email)))).toEqual({ '202': 20 });
    expect(await links.requests(email)).toHaveLength(5);
    users.clock.advance(60 * MINUTE - 1);
    await links.askForReset(email);
    expect(await links.requests(email)).toHaveLength(5);
    users.clock.advance(1);
    await links.askForReset(email);
    expect(await links.requests(email)).toHaveLength(6);
  });

  test('needs an address that somebody can have', async () => {
    expect((await links.askForReset('nobody')).json()).toMatchObject({ status: 400, errors: [{ path: '/email' }] });
    expect((await users.post('/v1/password-resets', { email: somebody().email, token: 'x' })).statusCode).toBe(400);
  });
});

describe('a link to a new password', () => {
  test('sets it: the old one, all sessions and all access tokens are over', async () => {
    const person = await people.loggedIn();
    const other = (await people.logIn(person)).json();
    const password = `another ${person.password}`;
    expect((await links.confirm(await links.reset(person.email), password)).statusCode).toBe(204);
    for (const { accessToken, refreshToken } of [person, other]) {
      expect((await people.as(accessToken)).json()).toMatchObject({ status: 401, code: 'token_invalid' });
      expect((await people.refresh(refreshToken)).json()).toMatchObject({ code: 'refresh_token_invalid' });
    }
    expect([await logsIn(person.email, person.password), await logsIn(person.email, password)]).toEqual([401, 201]);
    expect(await users.actionsOn(person.id)).toContain('password-reset');
  });

  test('ends the access token of a session that ended by itself a moment ago', async () => {
    await using single = await usersUnderTest({ SESSION_IDLE_DAYS: '1', SESSION_MAX_DAYS: '1' });
    const person = await peopleOf(single).loggedIn();
    single.clock.advance(24 * 60 * MINUTE - 1);
    const { accessToken } = (await peopleOf(single).refresh(person.refreshToken)).json();
    single.clock.advance(1);
    expect((await peopleOf(single).as(accessToken)).statusCode).toBe(200);
    const token = await linksOf(single).reset(person.email);
    expect((await linksOf(single).confirm(token, 'quite another one')).statusCode).toBe(204);
    expect((await peopleOf(single).as(accessToken)).statusCode).toBe(401);
  });

  test('works once, however parallel, and voids all other links', async () => {
    const { email } = await people.active();
    const [first, second] = [await links.reset(email), await links.reset(email)];
    const answers = await times(20, (n) => links.confirm(n % 2 === 0 ? first : second, `pass phrase ${n}`));
    expect(tally(answers)).toEqual({ '204': 1, '400 link_invalid': 19 });
    const winner = answers.findIndex(({ statusCode }) => statusCode === 204);
    expect(await logsIn(email, `pass phrase ${winner}`)).toBe(201);
  });

  test('works once over two copies of the service', async () => {
    const copy = await users.another();
    const { email } = await people.active();
    const payload = (n: number) => ({ token, password: `pass phrase ${n}` });
    const token = await links.reset(email);
    const answers = await times(20, (n) =>
      (n % 2 === 0 ? users.http : copy.http).inject({ method: 'POST', url: '/v1/password-resets/confirm', payload: payload(n) }),
    );
    expect(tally(answers)).toEqual({ '204': 1, '400 link_invalid': 19 });
    await copy.stop();
  });

  test('leaves no session to a log-in with the old password at the same time', async () => {
    const person = await people.active();
    const token = await links.reset(person.email);
    const [reset, ...logIns] = await Promise.all([
      links.confirm(token, 'quite another one'),
      ...Array.from({ length: 20 }, () => people.logIn(person)),
    ]);
    expect(reset.statusCode).toBe(204);
    for (const answer of logIns) {
      if (answer.statusCode !== 201) expect(['invalid_credentials', 'too_many_attempts']).toContain(answer.json().code);
      else expect((await people.as(answer.json().accessToken)).statusCode).toBe(401);
    }
  });

  test('expires after 30 minutes, not before', async () => {
    const [one, other] = [await people.active(), await people.active()];
    const [inTime, late] = [await links.reset(one.email), await links.reset(other.email)];
    users.clock.advance(30 * MINUTE - 1);
    expect((await links.confirm(inTime, 'quite another one')).statusCode).toBe(204);
    users.clock.advance(1);
    expect((await links.confirm(late, 'quite another one')).json()).toMatchObject(expired);
    expect(await logsIn(other.email, other.password)).toBe(201);
  });

  test('is not used up by a password that is refused', async () => {
    const { email } = await people.active();
    const token = await links.reset(email);
    for (const password of ['short', 'password1', email, 'x'.repeat(73), 'a\u0007bcdefgh']) {
      expect((await links.confirm(token, password)).json()).toMatchObject({
        status: 400,
        code: 'validation_failed',
        errors: [{ path: '/password' }],
      });
    }
    expect((await links.confirm(token, 'quite another one')).statusCode).toBe(204);
  });

  test('of a blocked account is worth nothing', async () => {
    const { id, email } = await people.active();
    const token = await links.reset(email);
    await block(id);
    expect((await links.confirm(token, 'quite another one')).json()).toMatchObject(invalid);
  });

  test('of an account that is gone is worth nothing', async () => {
    const { id, email } = await people.active();
    const token = await links.reset(email);
    await users.database.query.deleteFrom('users').where('id', '=', id).execute();
    expect((await links.confirm(token, 'quite another one')).json()).toMatchObject(invalid);
  });

  test('that nobody was mailed is worth nothing, whatever it looks like', async () => {
    const { email } = await people.active();
    const token = await links.reset(email);
    const request = (await links.requests(email))[0]?.requestId as string;
    const other = token.endsWith('A') ? 'B' : 'A';
    for (const made of [
      '',
      ' ',
      request,
      `${token}=`,
      `${token} `,
      ` ${token}`,
      token.slice(1),
      `${token.slice(0, -1)}${other}`,
      token.toLowerCase(),
      randomBytes(32).toString('base64url'),
      "' or ''='",
      `${token}'--`,
      '%00',
      '＿'.repeat(43),
      'A'.repeat(200),
      `#token=${token}`,
    ]) {
      expect((await links.confirm(made, 'quite another one')).json(), made).toMatchObject(invalid);
    }
    for (const made of [null, 1, {}, [token], { token }, 'A'.repeat(201), `${token}\0`]) {
      expect((await links.confirm(made, 'quite another one')).json()).toMatchObject({ status: 400, code: 'validation_failed' });
    }
    expect((await links.confirm(token, 'quite another one')).statusCode).toBe(204);
  });
});

describe('an account that was never activated', () => {
  test('is activated by the link, and the person who registered it no longer knows its password', async () => {
    const stranger = somebody();
    const registered = await users.registered(stranger);
    expect((await links.confirm(await links.reset(stranger.email), 'of the true owner')).statusCode).toBe(204);
    expect(await logsIn(stranger.email, stranger.password)).toBe(401);
    expect(await users.activate(stranger, registered.code)).toMatchObject({ statusCode: 401 });
    expect((await people.logIn({ email: stranger.email, password: 'of the true owner' })).json().user).toMatchObject({ status: 'active' });
    expect(await users.actionsOn(registered.id)).toContain('user-activated');
  });

  test('keeps its password and its code until the link is used', async () => {
    const { code, ...person } = await users.registered();
    const token = await links.reset(person.email);
    expect((await users.activate(person, code)).statusCode).toBe(200);
    expect(await logsIn(person.email, person.password)).toBe(201);
    expect((await links.confirm(token, 'quite another one')).statusCode).toBe(204);
  });

  test('activates once: twenty with the code beside the link', async () => {
    const { code, ...person } = await users.registered();
    const token = await links.reset(person.email);
    const [reset, ...answers] = await Promise.all([
      links.confirm(token, 'quite another one'),
      ...Array.from({ length: 20 }, () => users.post('/v1/users/activation', { code }, { authorization: basic(person) })),
    ]);
    expect(reset.statusCode).toBe(204);
    for (const { statusCode } of answers) expect([200, 401, 409, 429]).toContain(statusCode);
    expect((await users.actionsOn(person.id)).filter((action) => action === 'user-activated')).toHaveLength(1);
    expect(await logsIn(person.email, 'quite another one')).toBe(201);
  });
});

test('wrong links count against the client IP, and requests are limited by it, with headers', async () => {
  await using limited = await usersUnderTest({ FAILURES_PER_MINUTE: '3', PASSWORD_RESETS_PER_HOUR: '2' });
  const { confirm, askForReset } = linksOf(limited);
  const answers = await times(20, () => confirm(randomBytes(32).toString('base64url'), 'quite another one'));
  expect(tally(answers)).toEqual({ '400 link_invalid': 3, '429 rate_limited': 17 });
  const wishes = [await askForReset(somebody().email), await askForReset(somebody().email), await askForReset(somebody().email)];
  expect(wishes.map(({ statusCode }) => statusCode)).toEqual([202, 202, 429]);
  expect(wishes[0]?.headers).toMatchObject({
    ratelimit: '"password-resets";r=1;t=3600',
    'ratelimit-policy': '"password-resets";q=2;w=3600',
  });
  expect(Number(wishes[2]?.headers['retry-after'])).toBeGreaterThan(0);
});
