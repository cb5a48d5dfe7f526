import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LoggedIn, peopleOf, tokensOf } from '../testing/people.ts';
import { somebody, tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
let people: ReturnType<typeof peopleOf>;
let admin: LoggedIn;

beforeAll(async () => {
  users = await usersUnderTest({ RATE_LIMITS: 'off' });
  people = peopleOf(users);
  admin = await people.administrator();
  await users.database.query
    .insertInto('roles')
    .values({
      name: 'helper',
      permissions: ['users:read', 'users:update', 'users:delete', 'users:block', 'roles:write'],
      version: 1,
      created_at: users.clock.now(),
    })
    .execute();
});
afterAll(() => users[Symbol.asyncDispose]());

type Method = 'GET' | 'PATCH' | 'DELETE' | 'PUT' | 'POST';
const call = (by: { accessToken: string }, method: Method, path: string, payload?: object, headers: Record<string, string> = {}) =>
  users.http.inject({
    method,
    url: `/v1/users${path}`,
    headers: { authorization: `Bearer ${by.accessToken}`, ...headers },
    ...(payload && { payload }),
  });
const setRoles = (by: LoggedIn, { id }: { id: string }, roles: readonly string[]) => call(by, 'PUT', `/${id}/roles`, { roles });
const protect = ({ id }: { id: string }) =>
  users.database.query.updateTable('users').set({ protected: true }).where('id', '=', id).execute();
const auditOf = async ({ id }: { id: string }) => (await users.audit(id)).map(({ action, actor }) => ({ action, actor }));
const noticesTo = (email: string) =>
  users.receivedBy('mailer').filter(({ type, data }) => type === 'account-notice-requested' && (data as { email: string }).email === email);
const outcome = (answer: { statusCode: number; body: string }) =>
  answer.statusCode < 400 ? answer.statusCode : JSON.parse(answer.body).code;

test('an id in upper case is the same account, in the answer and in the audit log', async () => {
  const { id } = await people.active();
  const upper = id.toUpperCase();
  const answers = [
    await call(admin, 'PATCH', `/${upper}`, { fullName: 'Ada King' }),
    await call(admin, 'PUT', `/${upper}/roles`, { roles: ['helper'] }),
    await call(admin, 'POST', `/${upper}/block`),
    await call(admin, 'POST', `/${upper}/unblock`),
    await call(admin, 'GET', `/${upper}`),
  ];
  expect(answers.map((answer) => [answer.statusCode, answer.json().id])).toEqual(answers.map(() => [200, id]));
  expect((await call(admin, 'DELETE', `/${upper}`)).statusCode).toBe(204);
  const actions = (await auditOf({ id })).map(({ action }) => action);
  expect(actions).toEqual(expect.arrayContaining(['user-changed', 'roles-changed', 'user-blocked', 'user-unblocked', 'user-deleted']));
  expect(await users.audit(upper)).toEqual([]);
});

test('every role that is not there is named', async () => {
  const person = await people.active();
  const answer = await call(admin, 'PUT', `/${person.id}/roles`, { roles: ['user', 'ghost', 'helper', 'spirit'] });
  expect(answer.json()).toMatchObject({ status: 400, errors: [{ path: '/roles/1' }, { path: '/roles/3' }] });
});

describe('change', () => {
  test('of name, login and phone; what is taken is refused', async () => {
    const person = await people.active();
    const draft = { fullName: 'Ada King', login: `King${Date.now()}`, phone: '+49 30 901821' };
    const answer = await call(admin, 'PATCH', `/${person.id}`, draft);
    expect(answer.json()).toMatchObject({ fullName: 'Ada King', login: draft.login.toLowerCase(), phone: '+4930901821' });
    const other = await people.active();
    expect(outcome(await call(admin, 'PATCH', `/${other.id}`, { phone: '0049 30 901821' }))).toBe('phone_taken');
    expect(outcome(await call(admin, 'PATCH', `/${other.id}`, { email: person.email.toUpperCase() }))).toBe('email_taken');
    expect((await call(admin, 'PATCH', `/${person.id}`, { login: null, phone: null })).json()).toMatchObject({ login: null, phone: null });
    expect(await auditOf(person)).toContainEqual({ action: 'user-changed', actor: `user:${admin.id}` });
  });

  test('of the address counts at once, and both addresses get a notice', async () => {
    const person = await people.active();
    const { email } = somebody();
    expect((await call(admin, 'PATCH', `/${person.id}`, { email })).json()).toMatchObject({ email, status: 'active' });
    expect((await people.logIn({ ...person, email })).statusCode).toBe(201);
    expect((await people.logIn(person)).statusCode).toBe(401);
    for (const told of [person.email, email]) {
      await eventually(() => expect(noticesTo(told)).toMatchObject([{ data: { notice: 'email-changed', newEmail: email } }]));
    }
  });

  test('of an address that was never proven: the code that was mailed to the old one proves nothing any more', async () => {
    const person = await users.registered();
    const moved = { ...person, email: somebody().email };
    await call(admin, 'PATCH', `/${person.id}`, { email: moved.email });
    // Neither before the next code is made, nor after.
    expect(outcome(await users.activate(moved, person.code))).toBe('code_invalid');
    const code = await users.codeOf(moved);
    if (code !== person.code) expect(outcome(await users.activate(moved, person.code))).toBe('code_invalid');
    expect((await users.activate(moved, code)).statusCode).toBe(200);
  });

  test.for([
    [{ roles: ['admin'] }, '/roles'],
    [{ status: 'active' }, '/status'],
    [{ id: '0199d3a0-0000-7000-8000-000000000001' }, '/id'],
    [{ protected: false }, '/protected'],
    [{ password: 'something else' }, '/password'],
    [{ email: null }, '/email'],
    [{ fullName: 'a\u0000b' }, '/fullName'],
  ])('%j is refused, naming %s', async ([body, path]) => {
    const person = await people.active();
    const answer = await call(admin, 'PATCH', `/${person.id}`, body as object);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().errors).toContainEqual(expect.objectContaining({ path }));
  });

  test('with If-Match only of what was seen; one of twenty at a time with one tag is made', async () => {
    const person = await people.active();
    const tag = String((await call(admin, 'GET', `/${person.id}`)).headers['etag']);
    const changes = await times(20, (n) => call(admin, 'PATCH', `/${person.id}`, { fullName: `Name ${n}` }, { 'if-match': tag }));
    expect(tally(changes)).toEqual({ '200': 1, '412 precondition_failed': 19 });
    expect(outcome(await call(admin, 'DELETE', `/${person.id}`, undefined, { 'if-match': tag }))).toBe('precondition_failed');
    const now = String((await call(admin, 'GET', `/${person.id}`)).headers['etag']);
    expect((await call(admin, 'DELETE', `/${person.id}`, undefined, { 'if-match': now })).statusCode).toBe(204);
  });
});

describe('block', () => {
  test('ends sessions and tokens at once; unblocked, the person logs in anew', async () => {
    const person = await people.loggedIn();
    expect((await call(admin, 'POST', `/${person.id}/block`)).json()).toMatchObject({ status: 'blocked' });
    expect((await people.as(person.accessToken)).statusCode).toBe(401);
    expect((await people.refresh(person.refreshToken)).statusCode).toBe(401);
    expect(outcome(await people.logIn(person))).toBe('account_blocked');
    expect((await call(admin, 'POST', `/${person.id}/block`)).statusCode).toBe(200);
    expect((await call(admin, 'POST', `/${person.id}/unblock`)).json()).toMatchObject({ status: 'active' });
    expect((await people.refresh(person.refreshToken)).statusCode).toBe(401);
    expect((await people.logIn(person)).statusCode).toBe(201);
    const audit = await auditOf(person);
    expect(audit.map(({ action }) => action).filter((action) => /block|failed/.test(action))).toEqual([
      'user-blocked',
      'log-in-failed',
      'user-unblocked',
    ]);
    const refused = users.database.query
      .selectFrom('audit')
      .select('details')
      .where('subject', '=', person.id)
      .where('action', '=', 'log-in-failed');
    expect(await refused.execute()).toEqual([{ details: { reason: 'account_blocked' } }]);
  });

  test('one that was never activated is still to be activated after it', async () => {
    const person = await users.registered();
    await call(admin, 'POST', `/${person.id}/block`);
    expect(outcome(await users.activate(person, person.code))).toBe('account_blocked');
    expect((await call(admin, 'POST', `/${person.id}/unblock`)).json()).toMatchObject({ status: 'pending' });
    expect((await users.activate(person, person.code)).statusCode).toBe(200);
  });

  test('against twenty log-ins and refreshes: nothing of the account is alive after it', async () => {
    const person = await people.loggedIn();
    const [blocked, ...others] = await Promise.all([
      call(admin, 'POST', `/${person.id}/block`),
      ...Array.from({ length: 10 }, () => people.logIn(person)),
      ...Array.from({ length: 10 }, () => people.refresh(person.refreshToken)),
    ]);
    expect(blocked?.statusCode).toBe(200);
    for (const answer of others) {
      expect([200, 201, 401, 403]).toContain(answer.statusCode);
      if (answer.statusCode >= 400) continue;
      const { accessToken, refreshToken } = tokensOf(answer);
      expect((await people.as(accessToken)).statusCode).toBe(401);
      expect((await people.refresh(refreshToken)).statusCode).toBe(401);
    }
  });
});

describe('deletion', () => {
  test('removes everything, ends the tokens, and is published to the other services', async () => {
    const person = await people.loggedIn();
    expect((await call(admin, 'DELETE', `/${person.id}`)).statusCode).toBe(204);
    expect((await people.as(person.accessToken)).statusCode).toBe(401);
    expect((await people.refresh(person.refreshToken)).statusCode).toBe(401);
    expect(outcome(await people.logIn(person))).toBe('invalid_credentials');
    expect(outcome(await call(admin, 'GET', `/${person.id}`))).toBe('user_not_found');
    expect(outcome(await call(admin, 'DELETE', `/${person.id}`))).toBe('user_not_found');
    await eventually(() =>
      expect(users.receivedBy('mailer')).toContainEqual(expect.objectContaining({ type: 'user-deleted', key: person.id })),
    );
    expect((await users.register({ email: person.email, password: person.password })).statusCode).toBe(201);
    expect((await auditOf(person)).at(-1)).toBeDefined();
  });

  test('by the person themselves', async () => {
    const person = await people.loggedIn();
    expect((await call(person, 'DELETE', '/me')).statusCode).toBe(204);
    expect((await call(person, 'GET', '/me')).statusCode).toBe(401);
    expect(await auditOf(person)).toContainEqual({ action: 'user-deleted', actor: `user:${person.id}` });
  });

  test('against twenty log-ins: no session outlives the account', async () => {
    const person = await people.active();
    const [, ...logIns] = await Promise.all([
      call(admin, 'DELETE', `/${person.id}`),
      ...Array.from({ length: 20 }, () => people.logIn(person)),
    ]);
    for (const answer of logIns) {
      // After ten that failed the address has to wait.
      expect([201, 401, 429]).toContain(answer.statusCode);
      if (answer.statusCode === 201) expect((await people.as(tokensOf(answer).accessToken)).statusCode).toBe(401);
    }
    const left = await users.database.query.selectFrom('sessions').select('id').where('user_id', '=', person.id).execute();
    expect(left).toEqual([]);
  });

  test('twenty at a time delete once', async () => {
    const person = await people.active();
    expect(tally(await times(20, () => call(admin, 'DELETE', `/${person.id}`)))).toEqual({ '204': 1, '404 user_not_found': 19 });
  });
});

describe('roles', () => {
  test('end the access tokens; refreshed, they allow what the new roles do', async () => {
    const person = await people.loggedIn();
    expect(outcome(await call(person, 'GET', ''))).toBe('permission_denied');
    expect((await setRoles(admin, person, ['user', 'helper'])).json()).toMatchObject({ roles: ['user', 'helper'] });
    expect((await people.as(person.accessToken)).statusCode).toBe(401);
    const next = tokensOf(await people.refresh(person.refreshToken));
    expect((await call(next, 'GET', '')).statusCode).toBe(200);
    expect(await auditOf(person)).toContainEqual({ action: 'roles-changed', actor: `user:${admin.id}` });
  });

  test.for([
    [['nobody'], '/roles/0'],
    [['user', 'constructor'], '/roles/1'],
    [['user', 'user'], '/roles'],
    ['admin', '/roles'],
  ] as const)('%j is refused', async ([roles, path]) => {
    const person = await people.active();
    const answer = await setRoles(admin, person, roles as readonly string[]);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().errors).toContainEqual(expect.objectContaining({ path }));
  });
});

describe('nobody rises by administering', () => {
  let helper: LoggedIn;
  beforeAll(async () => {
    const active = await people.active();
    await setRoles(admin, active, ['user', 'helper']);
    helper = { ...active, ...tokensOf(await people.logIn(active)) };
  });

  test('a caller with fewer permissions can do nothing to one with more', async () => {
    const attempts = [
      call(helper, 'PATCH', `/${admin.id}`, { email: somebody().email }),
      call(helper, 'DELETE', `/${admin.id}`),
      call(helper, 'POST', `/${admin.id}/block`),
      setRoles(helper, admin, ['user']),
    ];
    expect((await Promise.all(attempts)).map(outcome)).toEqual(Array(4).fill('permission_denied'));
  });

  test('nor gives more than they have, to others or themselves', async () => {
    const person = await people.active();
    expect(outcome(await setRoles(helper, person, ['user', 'admin']))).toBe('permission_denied');
    expect(outcome(await setRoles(helper, helper, ['user', 'admin']))).toBe('permission_denied');
    expect(outcome(await setRoles(helper, person, ['user', 'helper']))).toBe(200);
  });

  test('a person without permissions administers nobody', async () => {
    const [person, other] = [await people.loggedIn(), await people.active()];
    const attempts = [
      call(person, 'GET', `/${other.id}`),
      call(person, 'PATCH', `/${other.id}`, {}),
      call(person, 'DELETE', `/${other.id}`),
      call(person, 'POST', `/${other.id}/block`),
      call(person, 'POST', `/${other.id}/unblock`),
      setRoles(person, person, ['user', 'admin']),
    ];
    expect((await Promise.all(attempts)).map(outcome)).toEqual(Array(6).fill('permission_denied'));
  });
});

describe('administrators', () => {
  test('a protected one is not deleted, demoted, blocked or given another address, not even by themselves', async () => {
    const chief = await people.administrator();
    await protect(chief);
    for (const by of [admin, chief]) {
      const attempts = [call(by, 'DELETE', `/${chief.id}`), call(by, 'POST', `/${chief.id}/block`), setRoles(by, chief, ['user'])];
      expect((await Promise.all(attempts)).map(outcome)).toEqual(Array(3).fill('admin_protected'));
    }
    expect(outcome(await call(chief, 'DELETE', '/me'))).toBe('admin_protected');
    expect(outcome(await call(admin, 'PATCH', `/${chief.id}`, { email: somebody().email }))).toBe('admin_protected');
    await users.database.query
      .updateTable('users')
      .set({ protected: false, roles: ['user'] })
      .where('id', '=', chief.id)
      .execute();
  });

  test('when two demote or block each other at the same time one succeeds, though a third one stays', async () => {
    await using system = await usersUnderTest({ RATE_LIMITS: 'off' });
    const at = peopleOf(system);
    await at.administrator();
    const attempt = (by: LoggedIn, url: string, method: 'POST' | 'PUT', payload?: object) =>
      system.http.inject({
        method,
        url: `/v1/users/${url}`,
        headers: { authorization: `Bearer ${by.accessToken}` },
        ...(payload && { payload }),
      });
    for (let round = 0; round < 20; round += 1) {
      const [one, other] = [await at.administrator(), await at.administrator()];
      const against = (by: LoggedIn, { id }: { id: string }) =>
        round % 2 === 0 ? attempt(by, `${id}/roles`, 'PUT', { roles: ['user'] }) : attempt(by, `${id}/block`, 'POST');
      const answers = await Promise.all([against(one, other), against(other, one)]);
      expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
      for (const { statusCode } of answers) expect([200, 401, 403]).toContain(statusCode);
    }
  });

  test('the last one stays; two that demote, block or delete each other at the same time leave one', async () => {
    await using alone = await usersUnderTest({ RATE_LIMITS: 'off' });
    const at = peopleOf(alone);
    const inject = (by: LoggedIn, method: 'DELETE' | 'POST' | 'PUT', url: string, payload?: object) =>
      alone.http.inject({ method, url, headers: { authorization: `Bearer ${by.accessToken}` }, ...(payload && { payload }) });
    const demote = (by: LoggedIn, { id }: { id: string }) => inject(by, 'PUT', `/v1/users/${id}/roles`, { roles: ['user'] });
    const block = (by: LoggedIn, { id }: { id: string }) => inject(by, 'POST', `/v1/users/${id}/block`);
    const remove = (by: LoggedIn, { id }: { id: string }) => inject(by, 'DELETE', `/v1/users/${id}`);

    let one = await at.administrator();
    for (const attempt of [demote, block, remove, () => inject(one, 'DELETE', '/v1/users/me')]) {
      expect(outcome(await attempt(one, one))).toBe('last_admin');
    }
    for (let round = 0; round < 20; round += 1) {
      const other = await at.administrator();
      const attempt = [demote, block, remove][round % 3] as typeof demote;
      const answers = await Promise.all([attempt(one, other), attempt(other, one)]);
      const wins = answers.map(({ statusCode }) => statusCode < 300);
      // The loser's token is dead, or they are the last one.
      expect(wins.filter(Boolean)).toHaveLength(1);
      for (const answer of answers) expect([200, 204, 401, 403, 409]).toContain(answer.statusCode);
      one = wins[0] ? one : other;
      const left = await alone.database.query.selectFrom('users').select(['id', 'roles']).where('status', '=', 'active').execute();
      expect(left.filter(({ roles }) => roles.includes('admin')).map(({ id }) => id)).toEqual([one.id]);
    }
  });
});
