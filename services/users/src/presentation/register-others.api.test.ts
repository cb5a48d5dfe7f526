import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { API_KEY_PREFIX } from '@stoa/auth';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linksOf } from '../testing/links.ts';
import { peopleOf } from '../testing/people.ts';
import { somebody, tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

const HOUR = 3_600_000;
let users: UsersUnderTest;
let people: ReturnType<typeof peopleOf>;
let links: ReturnType<typeof linksOf>;
let backEnd: { readonly id: string; readonly key: string };
beforeAll(async () => {
  users = await usersUnderTest({ REGISTRATIONS_PER_HOUR: '30' });
  people = peopleOf(users);
  links = linksOf(users);
  backEnd = await serviceAccount(['users:create']);
});
afterAll(() => users[Symbol.asyncDispose]());

/** Another back end, once its key is known here. */
async function serviceAccount(permissions: string[]) {
  const [id, key] = [randomUUID(), `${API_KEY_PREFIX}${randomBytes(32).toString('base64url')}`];
  const digest = createHash('sha256').update(key).digest();
  const account = {
    id,
    name: id,
    prefix: key.slice(0, 12),
    digest,
    permissions,
    created_at: users.clock.now(),
    expires_at: null,
    last_used_at: null,
  };
  await users.database.query.insertInto('service_accounts').values(account).execute();
  await eventually(async () => expect((await registerBy(key, {})).json().code).toBe('validation_failed'));
  return { id, key };
}
const registerBy = (token: string, body: object, headers = {}) =>
  users.post('/v1/users', body, { authorization: `Bearer ${token}`, ...headers });
const outbox = async (email: string) => [await users.requestsOf({ email, password: '' }), await links.requests(email)] as const;

describe('a person whom another back end registers without a password', () => {
  test('is pending, and gets the link to set one and no code', async () => {
    const { email } = somebody();
    const answer = await registerBy(backEnd.key, { email, fullName: 'Ada' });
    expect(answer).toMatchObject({ statusCode: 201, headers: { etag: '"1"' } });
    const { id, status } = answer.json();
    expect(status).toBe('pending');
    const [codes, [link, ...more]] = await outbox(email);
    expect([codes, more]).toEqual([[], []]);
    expect(link).toMatchObject({ userId: id, email, fullName: 'Ada', purpose: 'set-password' });
    expect((await links.mint(link?.requestId as string)).json()).toMatchObject({ expiresInSeconds: 86_400 });
    expect(await users.audit(id)).toMatchObject([{ action: 'user-registered', actor: `service-account:${backEnd.id}` }]);
    const row = await users.database.query.selectFrom('users').select('password_hash').where('id', '=', id).executeTakeFirstOrThrow();
    expect(row.password_hash).toBeNull();
  });

  test('becomes active by setting one, once of twenty', async () => {
    const { email } = somebody();
    await registerBy(backEnd.key, { email });
    const token = await links.tokenFor(email);
    const answers = await times(20, (n) => links.confirm(token, `pass phrase ${n}`));
    expect(tally(answers)).toEqual({ '204': 1, '400 link_invalid': 19 });
    const password = `pass phrase ${answers.findIndex(({ statusCode }) => statusCode === 204)}`;
    expect((await people.logIn({ email, password })).json().user).toMatchObject({ status: 'active', email });
  });

  test('comes in by no password before, an empty one neither', async () => {
    const { email } = somebody();
    await registerBy(backEnd.key, { email });
    for (const password of ['', 'null', 'undefined', 'password']) {
      expect((await people.logIn({ email, password })).json()).toMatchObject({ code: 'invalid_credentials' });
      expect((await users.activate({ email, password }, '1234')).json()).toMatchObject({ code: 'invalid_credentials' });
    }
  });

  test('has 24 hours from when the mail left; a request for a new password then sends another link', async () => {
    const [inTime, late] = [somebody(), somebody()];
    for (const { email } of [inTime, late]) await registerBy(backEnd.key, { email });
    const [first, second] = [await links.tokenFor(inTime.email), await links.tokenFor(late.email)];
    users.clock.advance(24 * HOUR - 1);
    expect((await links.confirm(first, inTime.password)).statusCode).toBe(204);
    users.clock.advance(1);
    expect((await links.confirm(second, late.password)).json()).toMatchObject({ status: 410, code: 'link_expired' });
    const again = await links.reset(late.email);
    expect((await links.requests(late.email)).map(({ purpose }) => purpose)).toEqual(['set-password', 'set-password']);
    expect((await links.confirm(again, late.password)).statusCode).toBe(204);
    expect((await people.logIn(late)).statusCode).toBe(201);
  });
});

describe('registering others', () => {
  test('with a password works as for anyone: a code, no link', async () => {
    const person = somebody();
    const { id } = (await registerBy(backEnd.key, person)).json();
    const [codes, found] = await outbox(person.email);
    expect([codes.length, found.length]).toEqual([1, 0]);
    expect((await users.audit(id))[0]).toMatchObject({ actor: `service-account:${backEnd.id}` });
    expect((await users.activate(person, await users.codeOf(person))).statusCode).toBe(200);
  });

  test('is for an administrator too', async () => {
    const admin = await people.active();
    await users.database.query
      .updateTable('users')
      .set({ roles: ['user', 'admin'] })
      .where('id', '=', admin.id)
      .execute();
    const { accessToken } = (await people.logIn(admin)).json();
    const { email } = somebody();
    const { id } = (await registerBy(accessToken, { email })).json();
    expect((await links.requests(email))[0]).toMatchObject({ purpose: 'set-password' });
    expect((await users.audit(id))[0]).toMatchObject({ actor: `user:${admin.id}` });
  });

  test('without a password is for nobody else', async () => {
    const { accessToken } = await people.loggedIn();
    const reader = await serviceAccount(['users:read']);
    const required = { status: 400, code: 'validation_failed', errors: [{ path: '/password', message: 'is required' }] };
    const { email } = somebody();
    expect((await users.register({ email })).json()).toMatchObject(required);
    for (const token of [accessToken, reader.key]) expect((await registerBy(token, { email })).json()).toMatchObject(required);
    expect((await registerBy(backEnd.key, { email, password: null })).json()).toMatchObject({ errors: [{ path: '/password' }] });
    expect((await registerBy(backEnd.key, { email, password: '' })).json()).toMatchObject({ errors: [{ path: '/password' }] });
    expect((await registerBy(`${API_KEY_PREFIX}${'A'.repeat(43)}`, { email })).json()).toMatchObject({
      status: 401,
      code: 'token_invalid',
    });
    expect(await links.requests(email)).toEqual([]);
  });

  test('takes nothing that a registration does not: no status, no roles', async () => {
    for (const extra of [{ status: 'active' }, { roles: ['admin'] }, { id: randomUUID() }, { protected: true }]) {
      expect((await registerBy(backEnd.key, { email: somebody().email, ...extra })).json()).toMatchObject({ code: 'validation_failed' });
    }
  });

  test('at the same time gives one account and one link', async () => {
    const { email } = somebody();
    const answers = await times(20, (n) => registerBy(backEnd.key, { email: n % 2 === 0 ? email : email.toUpperCase() }));
    expect(tally(answers)).toEqual({ '201': 1, '409 email_taken': 19 });
    expect(await links.requests(email)).toHaveLength(1);
  });

  test('has no limit by address for a back end, and keeps it for all others', async () => {
    expect(tally(await times(40, () => registerBy(backEnd.key, { email: somebody().email })))).toEqual({ '201': 40 });
    expect((await times(40, () => users.register(somebody()))).some(({ statusCode }) => statusCode === 429)).toBe(true);
  });
});

describe('a registration with an Idempotency-Key', () => {
  test('happens once; each caller has keys of their own', async () => {
    const { email } = somebody();
    const key = { 'idempotency-key': randomUUID() };
    const first = await registerBy(backEnd.key, { email }, key);
    const again = await registerBy(backEnd.key, { email }, key);
    expect([first.statusCode, again.statusCode]).toEqual([201, 201]);
    expect(again.json()).toEqual(first.json());
    expect(again.headers).toMatchObject({ 'idempotency-replayed': 'true', location: first.headers.location, etag: '"1"' });
    expect(await links.requests(email)).toHaveLength(1);
    expect((await registerBy(backEnd.key, { email: somebody().email }, key)).json()).toMatchObject({
      status: 422,
      code: 'idempotency_key_reused',
    });
    const other = await serviceAccount(['users:create']);
    expect((await registerBy(other.key, { email }, key)).json()).toMatchObject({ status: 409, code: 'email_taken' });
  });

  test('twenty at the same time make one account', async () => {
    const { email } = somebody();
    const key = { 'idempotency-key': randomUUID() };
    const { '201': made, ...others } = tally(await times(20, () => registerBy(backEnd.key, { email }, key)));
    expect(made).toBeGreaterThan(0);
    expect(Object.keys(others).every((outcome) => outcome === '409 idempotency_in_progress')).toBe(true);
    expect(await links.requests(email)).toHaveLength(1);
  });
});
