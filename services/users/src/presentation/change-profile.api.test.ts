import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linksOf } from '../testing/links.ts';
import { peopleOf } from '../testing/people.ts';
import { somebody, tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

const HOUR = 3_600_000;
let users: UsersUnderTest;
let people: ReturnType<typeof peopleOf>;
let links: ReturnType<typeof linksOf>;
beforeAll(async () => {
  users = await usersUnderTest({ FAILURES_PER_MINUTE: '0' });
  people = peopleOf(users);
  links = linksOf(users);
});
afterAll(() => users[Symbol.asyncDispose]());

const url = '/v1/users/me';
const patch = ({ accessToken }: { accessToken: string }, body: object, ifMatch?: string) =>
  users.http.inject({
    method: 'PATCH',
    url,
    payload: body,
    headers: { authorization: `Bearer ${accessToken}`, ...(ifMatch && { 'if-match': ifMatch }) },
  });
const confirm = (token: unknown) => users.post('/v1/email-confirmations', { token });
const read = (id: string) => users.database.query.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
const notices = async (id: string) => {
  const rows = await users.database.query
    // The outbox belongs to the messaging package, whose tables this schema does not name.
    .withTables<{
      outbox_events: { id: string; type: string; data: { userId: string; notice: string; email: string; newEmail: string } };
    }>()
    .selectFrom('outbox_events')
    .select('data')
    .where('type', '=', 'account-notice-requested')
    .orderBy('id')
    .execute();
  return rows.filter(({ data }) => data.userId === id).map(({ data: { notice, email, newEmail } }) => [notice, email, newEmail]);
};
/** A request for another address, and the token of its link. */
async function wish(person: { accessToken: string }, email = somebody().email) {
  const answer = await patch(person, { email });
  expect(answer.statusCode).toBe(200);
  return { email, token: await links.tokenFor(email) };
}

describe('a profile', () => {
  test('is changed field by field, in the form of registration', async () => {
    const person = await people.loggedIn();
    const name = person.email.slice(0, 12);
    const answer = await patch(person, { fullName: ' Ada King ', login: `K${name}`, phone: '0049 30 901821' });
    expect(answer).toMatchObject({ statusCode: 200, headers: { etag: '"3"' } });
    expect(answer.json()).toMatchObject({
      id: person.id,
      fullName: 'Ada King',
      login: `k${name}`,
      phone: '+4930901821',
      email: person.email,
    });
    users.clock.advance(1);
    expect((await patch(person, { phone: null })).json()).toMatchObject({ phone: null, fullName: 'Ada King', login: `k${name}` });
    users.clock.advance(1);
    expect((await patch(person, { fullName: null, login: null })).json()).toMatchObject({ phone: null, fullName: null, login: null });
    const fields = (await users.audit(person.id)).filter(({ action }) => action === 'profile-changed').map(({ details }) => details);
    expect(fields).toEqual([{ fields: ['login', 'phone', 'fullName'] }, { fields: ['phone'] }, { fields: ['login', 'fullName'] }]);
  });

  test('that does not differ keeps its tag, and is not audited', async () => {
    const person = await people.loggedIn();
    for (const body of [{}, { email: person.email.toUpperCase() }, { fullName: null, login: null, phone: null }]) {
      expect(await patch(person, body)).toMatchObject({ statusCode: 200, headers: { etag: '"2"' } });
    }
    expect((await users.audit(person.id)).map(({ action }) => action)).not.toContain('profile-changed');
    expect(await links.requests(person.email)).toEqual([]);
  });

  test('is changed only as it was seen: one of twenty with the same tag', async () => {
    const person = await people.loggedIn();
    const answers = await times(20, (n) => patch(person, { fullName: `Ada ${n}` }, '"2"'));
    expect(tally(answers)).toEqual({ '200': 1, '412 precondition_failed': 19 });
    expect((await patch(person, { email: 'nobody' }, '"2"')).statusCode).toBe(400);
    const other = await people.active();
    expect((await patch(person, { email: other.email }, '"2"')).statusCode).toBe(412);
    expect((await patch(person, { email: other.email }, '"3"')).json()).toMatchObject({ status: 409, code: 'email_taken' });
  });

  test('reports every field that is wrong, and takes no unknown one', async () => {
    const person = await people.loggedIn();
    const answer = await patch(person, { email: 'ada', login: '1', phone: '12', fullName: ' ' });
    expect(answer.json().errors.map(({ path }: { path: string }) => path)).toEqual(['/email', '/login', '/phone', '/fullName']);
    const hostile = [
      { roles: ['admin'] },
      { status: 'active' },
      { id: person.id },
      { version: 1 },
      { protected: true },
      { password: 'quite another one' },
      { passwordHash: 'x' },
      { token_version: 0 },
      { email: null },
      { email: [person.email] },
      { fullName: { $ne: 1 } },
      { fullName: 'a\nb' },
      { login: 7 },
    ];
    for (const body of hostile)
      expect((await patch(person, body)).json(), JSON.stringify(body)).toMatchObject({ status: 400, code: 'validation_failed' });
    expect(await read(person.id)).toMatchObject({ roles: ['user'], version: 2, protected: false });
  });

  test('has a login and a number of its own: one of twenty that want one gets it', async () => {
    const all = await times(20, () => people.loggedIn());
    const login = `l${somebody().email.slice(0, 12)}`;
    expect(tally(await times(20, (n) => patch(all[n] as never, { login })))).toEqual({ '200': 1, '409 login_taken': 19 });
    expect(tally(await times(20, (n) => patch(all[n] as never, { phone: n % 2 === 0 ? '+49 30 901822' : '004930901822' })))).toEqual({
      '200': 1,
      '409 phone_taken': 19,
    });
  });

  test('is changed by nobody who is blocked or gone, or brings no token', async () => {
    const person = await people.loggedIn();
    expect((await users.http.inject({ method: 'PATCH', url, payload: { fullName: 'Ada' } })).json()).toMatchObject({
      code: 'token_missing',
    });
    await users.database.query.updateTable('users').set({ status: 'blocked' }).where('id', '=', person.id).execute();
    expect((await patch(person, { fullName: 'Ada' })).json()).toMatchObject({ status: 401, code: 'token_invalid' });
    await users.database.query.deleteFrom('users').where('id', '=', person.id).execute();
    expect((await patch(person, { email: somebody().email })).json()).toMatchObject({ status: 401, code: 'token_invalid' });
  });
});

describe('another address', () => {
  test('counts when its link is used: a link goes there, notices to the old one', async () => {
    const person = await people.loggedIn({ ...somebody() });
    const { email, token } = await wish(person);
    expect((await links.requests(email))[0]).toMatchObject({ purpose: 'confirm-email', userId: person.id, email });
    expect((await patch(person, {})).json()).toMatchObject({ email: person.email });
    expect(await confirm(token)).toMatchObject({ statusCode: 204, body: '' });
    expect((await patch(person, {})).json()).toMatchObject({ email });
    expect(await notices(person.id)).toEqual([
      ['email-change-requested', person.email, email],
      ['email-changed', person.email, email],
    ]);
    expect((await people.logIn({ email, password: person.password })).statusCode).toBe(201);
    expect((await people.logIn(person)).statusCode).toBe(401);
    const audit = (await users.audit(person.id)).map(({ action, actor }) => [action, actor]);
    expect(audit).toContainEqual(['email-change-requested', `user:${person.id}`]);
    expect(audit).toContainEqual(['email-changed', `user:${person.id}`]);
    await eventually(
      () => users.receivedBy('mailer').find(({ data }) => (data as { notice?: string }).notice === 'email-changed') ?? Promise.reject(),
    );
  });

  test('is confirmed once, however parallel', async () => {
    const person = await people.loggedIn();
    const { token } = await wish(person);
    expect(tally(await times(20, () => confirm(token)))).toEqual({ '204': 1, '400 link_invalid': 19 });
    expect((await notices(person.id)).filter(([notice]) => notice === 'email-changed')).toHaveLength(1);
  });

  test('is the one that was requested last', async () => {
    const person = await people.loggedIn();
    const [first, second] = [await wish(person), await wish(person)];
    expect((await confirm(first.token)).json()).toMatchObject({ code: 'link_invalid' });
    const replaced = (await links.requests(first.email))[0]?.requestId as string;
    expect((await links.mint(replaced)).json()).toMatchObject({ status: 410, code: 'account_link_gone' });
    expect((await confirm(second.token)).statusCode).toBe(204);
    expect((await read(person.id)).email).toBe(second.email);
  });

  test('goes to one of twenty that request it; registered by another meanwhile, to none', async () => {
    const email = somebody().email;
    const tokens: string[] = [];
    for (let n = 0; n < 20; n += 1) tokens.push((await wish(await people.loggedIn(), email)).token);
    expect(tally(await times(20, (n) => confirm(tokens[n])))).toEqual({ '204': 1, '409 email_taken': 19 });
    const late = await wish(await people.loggedIn());
    await users.register({ ...somebody(), email: late.email });
    expect((await confirm(late.token)).json()).toMatchObject({ status: 409, code: 'email_taken' });
    await users.database.query.deleteFrom('users').where('email', '=', late.email).execute();
    expect((await confirm(late.token)).statusCode).toBe(204);
  });

  test('makes links to a new password void, which went to the old one', async () => {
    const person = await people.loggedIn();
    const reset = await links.reset(person.email);
    const { email, token } = await wish(person);
    expect((await confirm(token)).statusCode).toBe(204);
    expect((await links.confirm(reset, 'quite another one')).json()).toMatchObject({ code: 'link_invalid' });
    expect((await links.confirm(await links.reset(email), 'quite another one')).statusCode).toBe(204);
  });

  test('that a thief requested is not confirmed after a reset', async () => {
    const person = await people.loggedIn();
    const { token } = await wish(person);
    await links.confirm(await links.reset(person.email), 'quite another one');
    expect((await confirm(token)).json()).toMatchObject({ code: 'link_invalid' });
    expect((await read(person.id)).email).toBe(person.email);
  });

  test('is confirmed within 24 hours from when its mail left', async () => {
    const [inTime, late] = [await wish(await people.loggedIn()), await wish(await people.loggedIn())];
    users.clock.advance(24 * HOUR - 1);
    expect((await confirm(inTime.token)).statusCode).toBe(204);
    users.clock.advance(1);
    expect((await confirm(late.token)).json()).toMatchObject({ status: 410, code: 'link_expired' });
  });

  test('can be requested five times an hour, parallel too; what came with the sixth is not changed', async () => {
    const person = await people.loggedIn();
    const answers = await times(20, () => patch(person, { email: somebody().email }));
    expect(tally(answers)).toEqual({ '200': 5, '429 link_budget_spent': 15 });
    const refused = await patch(person, { email: somebody().email, fullName: 'Ada' });
    expect(refused).toMatchObject({ statusCode: 429, headers: { 'retry-after': '3600' } });
    expect((await read(person.id)).full_name).toBeNull();
    expect((await patch(person, { fullName: 'Ada' })).statusCode).toBe(200);
    // Resets have a budget of their own.
    await links.askForReset(person.email);
    expect(await links.requests(person.email)).toHaveLength(1);
    users.clock.advance(HOUR);
    const again = await people.logIn(person);
    expect((await patch(again.json(), { email: somebody().email })).statusCode).toBe(200);
  });

  test('is not confirmed by a link for something else, by one of a blocked account, or by what is none', async () => {
    const person = await people.loggedIn();
    const { token } = await wish(person);
    expect((await confirm(await links.reset(person.email))).json()).toMatchObject({ code: 'link_invalid' });
    expect((await links.confirm(token, 'quite another one')).json()).toMatchObject({ code: 'link_invalid' });
    for (const made of ['', `${token}=`, token.slice(1), 'A'.repeat(43)])
      expect((await confirm(made)).json()).toMatchObject({ code: 'link_invalid' });
    for (const made of [null, 1, [token], 'A'.repeat(201)])
      expect((await confirm(made)).json()).toMatchObject({ code: 'validation_failed' });
    await users.database.query.updateTable('users').set({ status: 'blocked' }).where('id', '=', person.id).execute();
    expect((await confirm(token)).json()).toMatchObject({ code: 'link_invalid' });
  });
});
