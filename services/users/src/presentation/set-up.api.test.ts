import { describe, expect, test } from 'vitest';
import { administrationOf } from '../testing/administration.ts';
import { peopleOf } from '../testing/people.ts';
import { somebody, tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

const DAY = 24 * 3_600_000;
const issue = async (users: UsersUnderTest) => (await administrationOf(users).issueSetUpCode()) as string;
const setUp = (users: UsersUnderTest, code: unknown, more: object = somebody()) => users.post('/v1/setup', { code, ...more });
const administrators = (users: UsersUnderTest) =>
  users.database.query.selectFrom('users').selectAll().where('protected', '=', true).execute();

describe('the set-up', () => {
  test('makes an administrator who is active and protected, and can log in', async () => {
    await using users = await usersUnderTest();
    const person = somebody();
    const code = await issue(users);
    expect(code).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const answer = await setUp(users, code, { ...person, fullName: 'Ada Lovelace' });
    const user = answer.json();
    expect(answer.statusCode).toBe(201);
    expect(answer.headers).toMatchObject({ location: `/v1/users/${user.id}`, etag: '"1"' });
    expect(user).toMatchObject({ email: person.email, fullName: 'Ada Lovelace', status: 'active', roles: ['user', 'admin'] });
    expect(await administrators(users)).toHaveLength(1);
    users.clock.advance(1);
    expect((await peopleOf(users).logIn(person)).statusCode).toBe(201);
    expect(await users.audit(user.id)).toMatchObject([
      { action: 'administrator-created', actor: 'anonymous', details: { by: 'set-up-code' } },
      { action: 'logged-in' },
    ]);
  });

  test('happens once: no code is good afterwards, and none is made', async () => {
    await using users = await usersUnderTest();
    const codes = [await issue(users), await issue(users)];
    expect((await setUp(users, codes[0])).statusCode).toBe(201);
    for (const code of [...codes, 'x'.repeat(43)]) {
      expect((await setUp(users, code)).json()).toMatchObject({ status: 409, code: 'already_set_up' });
    }
    expect(await issue(users)).toBeUndefined();
    expect(await users.database.query.selectFrom('setup_codes').selectAll().execute()).toEqual([]);
  });

  test('by twenty at the same time, on two copies of the service, makes one administrator', async () => {
    await using users = await usersUnderTest();
    const copy = await users.another();
    const codes = [await issue(users), await issue(users)];
    const answers = await times(20, (index) => {
      const http = index % 2 === 0 ? users.http : copy.http;
      return http.inject({ method: 'POST', url: '/v1/setup', payload: { code: codes[(index >> 1) & 1], ...somebody() } });
    });
    expect(tally(answers)).toEqual({ '201': 1, '409 already_set_up': 19 });
    expect(await administrators(users)).toHaveLength(1);
    await copy.stop();
  });

  test('and a command at the same time make an administrator each, or the command alone', async () => {
    await using users = await usersUnderTest();
    const code = await issue(users);
    const { email, password } = somebody();
    const [answer] = await Promise.all([setUp(users, code), administrationOf(users).makeAdministrator(email, password)]);
    expect([201, 409]).toContain(answer.statusCode);
    expect(await administrators(users)).toHaveLength(answer.statusCode === 201 ? 2 : 1);
  });

  test('takes no code that was never printed, or a day ago', async () => {
    await using users = await usersUnderTest();
    const code = await issue(users);
    for (const wrong of ['', 'x', `${code.slice(1)}A`, `${code} `, code.toUpperCase(), "' or true --"]) {
      expect((await setUp(users, wrong)).json()).toMatchObject({ status: 403, code: 'setup_code_invalid' });
    }
    users.clock.advance(DAY - 1);
    const second = await issue(users);
    users.clock.advance(1);
    expect((await setUp(users, code)).json()).toMatchObject({ code: 'setup_code_invalid' });
    const refused = await users.database.query.selectFrom('audit').select('actor').where('action', '=', 'set-up-code-refused').execute();
    expect(refused).toHaveLength(7);
    expect((await setUp(users, second)).statusCode).toBe(201);
  });

  test('leaves the code as it was when password or address are refused', async () => {
    await using users = await usersUnderTest();
    const code = await issue(users);
    const person = await users.registered();
    expect((await setUp(users, code, { ...somebody(), password: 'short' })).json()).toMatchObject({ errors: [{ path: '/password' }] });
    expect((await setUp(users, code, { ...somebody(), email: 'nobody' })).json()).toMatchObject({ errors: [{ path: '/email' }] });
    expect((await setUp(users, code, { ...somebody(), email: person.email.toUpperCase() })).json()).toMatchObject({ code: 'email_taken' });
    expect((await setUp(users, code)).statusCode).toBe(201);
  });

  test('takes nothing beyond its own fields', async () => {
    await using users = await usersUnderTest();
    const code = await issue(users);
    for (const more of [{ roles: ['admin'] }, { protected: false }, { id: '1' }, { status: 'pending' }, { login: 'root' }]) {
      const [field] = Object.keys(more);
      expect((await setUp(users, code, { ...somebody(), ...more })).json()).toMatchObject({ errors: [{ path: `/${field}` }] });
    }
    expect((await setUp(users, 1)).json()).toMatchObject({ errors: [{ path: '/code' }] });
    expect((await setUp(users, code, { ...somebody(), fullName: 'a\nb' })).statusCode).toBe(400);
    expect(await administrators(users)).toEqual([]);
  });

  test('counts wrong codes against the client IP, before the right one', async () => {
    await using users = await usersUnderTest({ FAILURES_PER_MINUTE: '5' });
    const code = await issue(users);
    const answers = await times(8, () => setUp(users, 'x'.repeat(43)));
    expect(tally(answers)).toEqual({ '403 setup_code_invalid': 5, '429 rate_limited': 3 });
    expect((await setUp(users, code)).statusCode).toBe(429);
    users.clock.advance(60_000);
    expect((await setUp(users, code)).statusCode).toBe(201);
  });

  test('leaves its code in no table and no log', async () => {
    await using users = await usersUnderTest();
    const code = await issue(users);
    const rows = await users.database.query.selectFrom('setup_codes').selectAll().execute();
    expect(rows).toMatchObject([{ digest: expect.objectContaining({ length: 32 }) }]);
    await setUp(users, code);
    expect(JSON.stringify([rows, users.logged])).not.toContain(code);
  });
});
