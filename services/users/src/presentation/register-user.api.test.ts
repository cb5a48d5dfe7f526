import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { somebody, tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
beforeAll(async () => {
  users = await usersUnderTest();
});
afterAll(() => users[Symbol.asyncDispose]());

describe('a registration', () => {
  test('answers 201 with the account as it is stored, its address and its entity tag', async () => {
    const { email, password } = somebody();
    const answer = await users.register({
      email: ` ${email.toUpperCase()} `,
      password,
      login: `L${email.slice(0, 12)}`,
      phone: '0049 30 901820',
      fullName: ' Ada Lovelace ',
    });
    expect(answer.statusCode).toBe(201);
    const user = answer.json();
    expect(user).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      email,
      login: `l${email.slice(0, 12)}`,
      phone: '+4930901820',
      fullName: 'Ada Lovelace',
      status: 'pending',
      roles: ['user'],
      createdAt: '2026-11-21T09:00:00.000Z',
    });
    expect(answer.headers).toMatchObject({ location: `/v1/users/${user.id}`, etag: '"1"' });
  });

  test('shows what was left out as null', async () => {
    expect((await users.register(somebody())).json()).toMatchObject({ login: null, phone: null, fullName: null });
  });

  test('is announced once, audited without personal data, and keeps the password as a hash alone', async () => {
    const person = somebody();
    const answer = await users.post('/v1/users', { ...person, fullName: 'Ada' }, { 'x-correlation-id': 'walk-1' });
    const { id } = answer.json();
    const event = await eventually(() => users.receivedBy('mailer').find(({ key }) => key === id) ?? Promise.reject(new Error('not yet')));
    expect(event).toMatchObject({
      type: 'activation-requested',
      correlationId: 'walk-1',
      data: { userId: id, email: person.email, fullName: 'Ada', reason: 'registration', requestId: (await users.requestsOf(person))[0] },
    });
    const [entry, ...more] = await users.audit(id);
    expect(more).toEqual([]);
    expect(entry).toMatchObject({ action: 'user-registered', actor: 'anonymous', address: '127.0.0.1', correlation_id: 'walk-1' });
    const row = await users.database.query.selectFrom('users').select('password_hash').where('id', '=', id).executeTakeFirstOrThrow();
    expect(row.password_hash).toMatch(/^\$2b\$04\$/);
  });

  test('whose process died before it answered is answered by its repeat, and was made once', async () => {
    const person = somebody();
    const key = { 'idempotency-key': person.email };
    const first = await users.post('/v1/users', person, key);
    expect(first.statusCode).toBe(201);
    // What a death between the commit and the answer leaves behind.
    const died = await sql`
      update idempotency_keys set answer = null, lease_until = '2000-01-01' where makes = ${first.json().id}`.execute(users.database.query);
    expect(died.numAffectedRows).toBe(1n);
    const [repeat, ...late] = await times(3, () => users.post('/v1/users', person, key));
    for (const each of late) expect([201, 409]).toContain(each.statusCode);
    const answers = [repeat, ...late].filter((each) => each?.statusCode === 201);
    expect(answers.map((each) => [each?.json(), each?.headers['location']])).toContainEqual([first.json(), first.headers['location']]);
    expect((await users.post('/v1/users', person, key)).json()).toEqual(first.json());
    expect(await users.requestsOf(person)).toHaveLength(1);
    // One that was found free and has been made meanwhile clashes by its id alone.
    await sql`update idempotency_keys set answer = null, lease_until = '2000-01-01' where makes = ${first.json().id}`.execute(
      users.database.query,
    );
    await sql`update users set email = ${`new-${person.email}`} where id = ${first.json().id}`.execute(users.database.query);
    expect((await users.post('/v1/users', person, key)).json()).toEqual({ ...first.json(), email: `new-${person.email}` });
    await sql`update users set email = ${person.email} where id = ${first.json().id}`.execute(users.database.query);
    expect((await users.post('/v1/users', person, { 'idempotency-key': `other ${person.email}` })).json()).toMatchObject({
      code: 'email_taken',
    });
  });

  test('reports every field that is wrong', async () => {
    const answer = await users.register({ email: 'ada', password: 'Password', login: '1', phone: '12', fullName: ' ' });
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    const { code, errors } = answer.json();
    expect(code).toBe('validation_failed');
    expect(errors.map(({ path }: { path: string }) => path)).toEqual(['/email', '/login', '/phone', '/fullName', '/password']);
    expect(errors[4].message).toContain('tried first');
  });

  test('reports every field that is wrong, by its type or by its rule, and what is wrong beside the body', async () => {
    const body = { email: 'x', password: 'short', fullName: 5, phone: 'abc' };
    const paths = async (headers = {}) =>
      (await users.post('/v1/users', body, headers))
        .json()
        .errors.map(({ path }: { path: string }) => path)
        .sort();
    expect(await paths()).toEqual(['/email', '/fullName', '/password', '/phone']);
    expect(await paths({ 'idempotency-key': '\t' })).toEqual(['/email', '/fullName', '/headers/idempotency-key', '/password', '/phone']);
  });

  test('needs a visible character in the name', async () => {
    for (const fullName of ['\u200b', '\u3164', '\u2800 \u00a0'])
      expect((await users.register({ ...somebody(), fullName })).json().errors).toEqual([
        { path: '/fullName', message: 'must have a visible character' },
      ]);
  });

  test.each([
    ['nothing', {}, '/email'],
    ['no password', { email: 'ada@example.com' }, '/password'],
    ['a number', { email: 1, password: 'analytical engine' }, '/email'],
    ['null', { ...somebody(), login: null }, '/login'],
    ['an array', { ...somebody(), email: ['ada@example.com'] }, '/email'],
    ['an unknown field', { ...somebody(), status: 'active' }, '/status'],
    ['roles', { ...somebody(), roles: ['admin'] }, '/roles'],
    ['a line break in the name', { ...somebody(), fullName: 'Ada\r\nBcc: eve@example.com' }, '/fullName'],
    ['a NUL in the name', { ...somebody(), fullName: 'Ada\0' }, '/fullName'],
    ['a lone surrogate', { ...somebody(), fullName: 'Ada \ud800' }, '/fullName'],
    ['a NUL in the password', { ...somebody(), password: 'pass\0phrase' }, '/password'],
    ['a password of 73 bytes', { ...somebody(), password: `${'ä'.repeat(36)}b` }, '/password'],
    ['an endless address', { ...somebody(), email: `${'a'.repeat(15_000)}@example.com` }, '/email'],
  ])('%s is refused by name, and nothing is stored', async (_, body, path) => {
    const count = () =>
      users.database.query
        .selectFrom('users')
        .select((is) => is.fn.countAll().as('n'))
        .executeTakeFirst();
    const before = await count();
    const answer = await users.register(body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().errors.map((error: { path: string }) => error.path)).toContain(path);
    expect(await count()).toEqual(before);
  });

  test.each([
    ['malformed JSON', '{"email":', 'application/json', 400],
    ['a prototype key', '{"__proto__":{"status":"active"}}', 'application/json', 400],
    ['a form', 'email=ada', 'application/x-www-form-urlencoded', 415],
    ['more than 16 KiB', JSON.stringify({ email: 'a'.repeat(16_384) }), 'application/json', 413],
    ['100 levels', `${'['.repeat(100)}${']'.repeat(100)}`, 'application/json', 400],
  ])('%s is refused as a problem', async (_, payload, type, status) => {
    const answer = await users.http.inject({ method: 'POST', url: '/v1/users', headers: { 'content-type': type }, payload });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
  });
});

describe('what another account has', () => {
  const conflict = async (mine: object, theirs: object) => {
    await users.register({ ...somebody(), ...theirs });
    return (await users.register({ ...somebody(), ...mine })).json();
  };

  test('e-mail, in any letter case', async () => {
    const { email } = somebody();
    expect(await conflict({ email: email.toUpperCase() }, { email })).toMatchObject({ status: 409, code: 'email_taken' });
  });

  test('e-mail, with the domain as Unicode or as its A-label', async () => {
    expect(await conflict({ email: 'ada@BÜCHER.example' }, { email: 'ada@xn--bcher-kva.example' })).toMatchObject({ code: 'email_taken' });
  });

  test('phone, in any notation', async () => {
    expect(await conflict({ phone: '+49 (0)30-12 34 56' }, { phone: '004930123456' })).toMatchObject({ status: 409, code: 'phone_taken' });
  });

  test('login, in any letter case', async () => {
    expect(await conflict({ login: 'Countess' }, { login: 'cOUNTESS' })).toMatchObject({ status: 409, code: 'login_taken' });
  });

  test('of several the first is reported: e-mail, phone, login', async () => {
    const theirs = { email: somebody().email, phone: '+4930654321', login: 'enchantress' };
    expect(await conflict(theirs, theirs)).toMatchObject({ code: 'email_taken' });
    const { email: _, ...rest } = theirs;
    expect(await conflict(rest, theirs)).toMatchObject({ code: 'phone_taken' });
  });
});

describe('twenty at the same time', () => {
  test('of the same registration: one 201, nineteen 409, one account, one event', async () => {
    const person = somebody();
    const answers = await times(20, () => users.register(person));
    expect(tally(answers)).toEqual({ '201': 1, '409 email_taken': 19 });
    expect(await users.requestsOf(person)).toHaveLength(1);
  });

  test('of one phone in many notations, and of one login in many cases: one each', async () => {
    const notations = ['+49 30 777777', '0049 30 777777', '+49 (0)30/777-777', '+49.30.777777'];
    expect(tally(await times(20, (index) => users.register({ ...somebody(), phone: notations[index % 4] })))).toEqual({
      '201': 1,
      '409 phone_taken': 19,
    });
    const cases = ['lady_ada', 'LADY_ADA', 'Lady_Ada', 'lady_adA'];
    expect(tally(await times(20, (index) => users.register({ ...somebody(), login: cases[index % 4] })))).toEqual({
      '201': 1,
      '409 login_taken': 19,
    });
  });

  test('over two copies of the service, which share the constraints alone: one 201', async () => {
    const other = await users.another();
    const copies = [users.http, other.http];
    const person = { ...somebody(), login: 'over_two_copies' };
    const answers = await times(20, (index) => copies[index % 2]?.inject({ method: 'POST', url: '/v1/users', payload: person }));
    expect(tally(answers as never)).toEqual({ '201': 1, '409 email_taken': 19 });
    await other.http.close();
  });
});
