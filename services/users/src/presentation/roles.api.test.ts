import { PERMISSIONS } from '@stoa/contracts';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LoggedIn } from '../testing/people.ts';
import { permittedOf } from '../testing/permitted.ts';
import { tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
let admin: LoggedIn;
let permitted: ReturnType<typeof permittedOf>;
beforeAll(async () => {
  users = await usersUnderTest();
  permitted = permittedOf(users);
  admin = await permitted.admin();
});
afterAll(() => users[Symbol.asyncDispose]());

let count = 0;
const newName = () => `role-${(count += 1)}`;
const create = (body: object, token = admin.accessToken) => permitted.ask(token, 'POST', '/v1/roles', body);
const change = (name: string, body: object, { token = admin.accessToken, match }: { token?: string; match?: string } = {}) =>
  permitted.ask(token, 'PATCH', `/v1/roles/${name}`, body, match === undefined ? {} : { 'if-match': match });
const remove = (name: string, { token = admin.accessToken, match }: { token?: string; match?: string } = {}) =>
  permitted.ask(token, 'DELETE', `/v1/roles/${name}`, undefined, match === undefined ? {} : { 'if-match': match });
const list = (query = '', token = admin.accessToken) => permitted.ask(token, 'GET', `/v1/roles${query}`);
const give = (id: string, roles: readonly string[]) => permitted.ask(admin.accessToken, 'PUT', `/v1/users/${id}/roles`, { roles });

describe('roles', () => {
  test('are made, read, changed and deleted, and each of it is audited', async () => {
    const name = newName();
    const made = await create({ name, permissions: ['users:read', 'users:create'] });
    expect([made.statusCode, made.json()]).toEqual([201, { name, permissions: ['users:create', 'users:read'], builtIn: false }]);
    expect(made.headers).toMatchObject({ location: `/v1/roles/${name}`, etag: '"1"' });
    users.clock.advance(1);
    const changed = await change(name, { permissions: [] });
    expect([changed.statusCode, changed.json(), changed.headers['etag']]).toEqual([200, { name, permissions: [], builtIn: false }, '"2"']);
    expect((await permitted.ask(admin.accessToken, 'GET', `/v1/roles/${name}`)).headers['etag']).toBe('"2"');
    expect((await change(name, { permissions: [] })).headers['etag']).toBe('"2"');
    users.clock.advance(1);
    expect((await remove(name)).statusCode).toBe(204);
    expect((await permitted.ask(admin.accessToken, 'GET', `/v1/roles/${name}`)).json()).toMatchObject({ code: 'role_not_found' });
    const actor = `user:${admin.id}`;
    expect(await users.audit(name)).toMatchObject([
      { action: 'role-created', actor, details: { permissions: ['users:create', 'users:read'] } },
      { action: 'role-changed', actor, details: { before: ['users:create', 'users:read'], after: [] } },
      { action: 'role-deleted', actor, details: { permissions: [] } },
    ]);
  });

  test('are made once by a request whose answer was lost, and by another one not at all', async () => {
    const body = { name: newName(), permissions: ['users:read'] };
    const keyed = (key: string) => permitted.ask(admin.accessToken, 'POST', '/v1/roles', body, { 'idempotency-key': key });
    const first = await keyed(body.name);
    await users.loseAnswers();
    const again = await keyed(body.name);
    expect([again.statusCode, again.json(), again.headers['etag']]).toEqual([201, first.json(), first.headers['etag']]);
    expect(again.headers['idempotency-replayed']).toBeUndefined();
    expect(await users.audit(body.name)).toHaveLength(1);
    expect((await keyed(`other ${body.name}`)).json()).toMatchObject({ code: 'role_taken' });
    expect((await create(body)).json()).toMatchObject({ code: 'role_taken' });
  });

  test('are listed by name in pages, the built-in ones among them', async () => {
    const names = ['zz-last', 'aa', 'a-b', 'ab0', 'adminx', 'userx'];
    for (const name of names) await create({ name, permissions: [] });
    const seen: { name: string; builtIn: boolean; permissions: string[] }[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: typeof seen; nextCursor: string | null } = (
        await list(`?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`)
      ).json();
      seen.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    const all = seen.map(({ name }) => name);
    expect(all).toEqual([...all].sort());
    expect(new Set(all).size).toBe(all.length);
    expect(all).toEqual(expect.arrayContaining([...names, 'user', 'admin']));
    expect(seen.find(({ name }) => name === 'admin')).toEqual({ name: 'admin', permissions: [...PERMISSIONS], builtIn: true });
    expect(seen.find(({ name }) => name === 'user')).toEqual({ name: 'user', permissions: [], builtIn: true });
    expect(seen.filter(({ builtIn }) => builtIn)).toHaveLength(2);
    expect((await list('?cursor=abc')).json()).toMatchObject({ code: 'invalid_cursor' });
  });

  test('that are built in stay as they are', async () => {
    for (const name of ['user', 'admin']) {
      expect((await change(name, { permissions: ['users:read'] })).json()).toMatchObject({ status: 409, code: 'role_built_in' });
      expect((await remove(name)).json()).toMatchObject({ status: 409, code: 'role_built_in' });
      expect((await create({ name, permissions: [] })).json()).toMatchObject({ status: 409, code: 'role_taken' });
      const read = await permitted.ask(admin.accessToken, 'GET', `/v1/roles/${name}`);
      expect(read.json()).toMatchObject({ builtIn: true });
      expect((await remove(name, { match: '"99"' })).statusCode).toBe(412);
      expect((await remove(name, { match: read.headers['etag'] as string })).statusCode).toBe(409);
    }
  });

  test('have a name of the allowed form, and permissions of the list, each once', async () => {
    const names = [
      'a',
      'A-role',
      '1st',
      '-x',
      'a b',
      'rôle',
      "a';drop table roles;--",
      `a${'b'.repeat(32)}`,
      '',
      '__proto__',
      'a\u0000b',
      '../x',
      1,
    ];
    for (const name of names) {
      expect((await create({ name, permissions: [] })).json()).toMatchObject({ status: 400, errors: [{ path: '/name' }] });
    }
    for (const permissions of [['users:fly'], ['users:read', 'users:read'], ['*'], 'users:read', [null], [['users:read']]]) {
      const body = { name: newName(), permissions };
      expect((await create(body)).json()).toMatchObject({ status: 400, code: 'validation_failed' });
    }
    expect((await create({ name: `a${'b'.repeat(31)}`, permissions: [] })).statusCode).toBe(201);
    for (const name of ['constructor', 'tostring', 'valueof']) {
      expect((await create({ name, permissions: ['users:read'] })).statusCode).toBe(201);
      expect((await permitted.ask(admin.accessToken, 'GET', `/v1/roles/${name}`)).json()).toMatchObject({ permissions: ['users:read'] });
    }
    for (const name of ['nobody-has', '%00', "x'--", 'A', 'a%2Fb', '%F0%9F%92%A9']) {
      expect([400, 404]).toContain((await remove(name)).statusCode);
      expect([400, 404]).toContain((await change(name, { permissions: [] })).statusCode);
    }
  });

  test('take nothing beyond their own fields; the name stays', async () => {
    const name = newName();
    for (const more of [{ builtIn: true }, { version: 9 }, { createdAt: '2026-01-01' }]) {
      expect((await create({ name, permissions: [], ...more })).statusCode).toBe(400);
    }
    await create({ name, permissions: [] });
    expect((await change(name, { name: newName(), permissions: [] })).json()).toMatchObject({ errors: [{ path: '/name' }] });
    expect((await change(name, {})).json()).toMatchObject({ errors: [{ path: '/permissions' }] });
  });

  test('made twice by one Idempotency-Key are one', async () => {
    const name = newName();
    const ask = () => permitted.ask(admin.accessToken, 'POST', '/v1/roles', { name, permissions: [] }, { 'idempotency-key': name });
    const [first, second] = [await ask(), await ask()];
    expect([first.statusCode, second.statusCode, second.headers['idempotency-replayed']]).toEqual([201, 201, 'true']);
    expect(second.headers['etag']).toBe(first.headers['etag']);
  });
});

describe('on condition', () => {
  test('a change of what has changed since is refused', async () => {
    const name = newName();
    const etag = (await create({ name, permissions: [] })).headers['etag'] as string;
    expect((await change(name, { permissions: ['users:read'] }, { match: etag })).statusCode).toBe(200);
    expect((await change(name, { permissions: [] }, { match: etag })).json()).toMatchObject({ status: 412, code: 'precondition_failed' });
    expect((await remove(name, { match: etag })).statusCode).toBe(412);
    expect((await remove(name, { match: '"2"' })).statusCode).toBe(204);
  });

  test('one of twenty changes with the same tag is made', async () => {
    const name = newName();
    const match = (await create({ name, permissions: [] })).headers['etag'] as string;
    const answers = await times(20, (index) => change(name, { permissions: [PERMISSIONS[index % 10] as string] }, { match }));
    expect(tally(answers)).toEqual({ '200': 1, '412 precondition_failed': 19 });
  });

  test('one of twenty that make the same name succeeds', async () => {
    const name = newName();
    expect(tally(await times(20, () => create({ name, permissions: [] })))).toEqual({ '201': 1, '409 role_taken': 19 });
  });
});

describe('who may', () => {
  test('nobody without a token, and nobody without the permission', async () => {
    const name = newName();
    await create({ name, permissions: [] });
    const reader = await permitted.personWith(admin, ['roles:read']);
    const [nobody, key] = [await permitted.personWith(admin, ['users:read']), await permitted.keyWith(admin, ['users:read'])];
    const requests = [
      ['GET', '/v1/roles', undefined],
      ['GET', `/v1/roles/${name}`, undefined],
      ['POST', '/v1/roles', { name: newName(), permissions: [] }],
      ['PATCH', `/v1/roles/${name}`, { permissions: [] }],
      ['DELETE', `/v1/roles/${name}`, undefined],
    ] as const;
    for (const [method, url, body] of requests) {
      expect((await permitted.ask(undefined, method, url, body)).json()).toMatchObject({ status: 401, code: 'token_missing' });
      expect((await permitted.ask('stoa_sk_x', method, url, body)).json()).toMatchObject({ status: 401, code: 'token_invalid' });
      for (const token of [nobody.accessToken, key]) {
        expect((await permitted.ask(token, method, url, body)).json()).toMatchObject({ status: 403, code: 'permission_denied' });
      }
      expect((await permitted.ask(reader.accessToken, method, url, body)).statusCode).toBe(method === 'GET' ? 200 : 403);
    }
  });

  test('a service account with the permission', async () => {
    const key = await permitted.keyWith(admin, ['roles:read', 'roles:write']);
    const name = newName();
    expect((await create({ name, permissions: ['roles:read'] }, key)).statusCode).toBe(201);
    expect((await list('', key)).statusCode).toBe(200);
    expect((await users.audit(name))[0]?.actor).toMatch(/^service-account:[0-9a-f-]{36}$/);
  });

  test('nobody makes, changes or deletes a role with permissions that they do not have', async () => {
    const person = await permitted.personWith(admin, ['roles:read', 'roles:write', 'users:read']);
    const key = await permitted.keyWith(admin, ['roles:read', 'roles:write', 'users:read']);
    for (const token of [person.accessToken, key]) {
      const denied = { status: 403, code: 'permission_denied' };
      expect((await create({ name: newName(), permissions: ['users:delete'] }, token)).json()).toMatchObject(denied);
      const [mine, theirs] = [newName(), newName()];
      expect((await create({ name: mine, permissions: ['users:read'] }, token)).statusCode).toBe(201);
      expect((await change(mine, { permissions: ['users:read', 'audit:read'] }, { token })).json()).toMatchObject(denied);
      await create({ name: theirs, permissions: ['audit:read'] });
      expect((await change(theirs, { permissions: [] }, { token })).json()).toMatchObject(denied);
      expect((await remove(theirs, { token })).json()).toMatchObject(denied);
      expect((await change(person.role, { permissions: [...PERMISSIONS] }, { token })).json()).toMatchObject(denied);
      expect((await change('admin', { permissions: [] }, { token })).json()).toMatchObject(denied);
      expect((await change(mine, { permissions: [] }, { token })).statusCode).toBe(200);
      expect((await remove(mine, { token })).statusCode).toBe(204);
    }
  });
});

describe('a change', () => {
  test('takes effect for existing tokens: here at once, in another process within a second', async () => {
    const person = await permitted.personWith(admin, ['audit:read']);
    const copy = await users.another();
    const headers = { authorization: `Bearer ${person.accessToken}` };
    const there = async () => (await copy.http.inject({ url: '/v1/roles', headers })).statusCode;
    const here = async () => (await permitted.ask(person.accessToken, 'GET', '/v1/roles')).statusCode;
    expect([await here(), await there()]).toEqual([403, 403]);
    for (const [permissions, status] of [
      [['roles:read'], 200],
      [[], 403],
    ] as const) {
      await change(person.role, { permissions });
      expect(await here()).toBe(status);
      await eventually(async () => expect(await there()).toBe(status), { timeoutMs: 1_000, intervalMs: 20 });
    }
    await copy.stop();
  });

  test('does not touch anyone who has another role', async () => {
    const person = await permitted.personWith(admin, ['roles:read']);
    const name = await permitted.roleWith(admin, ['roles:read']);
    await change(name, { permissions: [] });
    await remove(name);
    expect((await permitted.ask(person.accessToken, 'GET', '/v1/roles')).statusCode).toBe(200);
  });
});

describe('deleting', () => {
  test('waits until nobody has the role', async () => {
    const person = await permitted.personWith(admin, ['roles:read']);
    expect((await remove(person.role)).json()).toMatchObject({ status: 409, code: 'role_in_use' });
    await give(person.id, ['user']);
    expect((await remove(person.role)).statusCode).toBe(204);
  });

  test('and giving it to somebody at the same time: one of both happens, twenty times', async () => {
    const people = await Promise.all([1, 2, 3].map(() => permitted.personWith(admin, [])));
    for (let round = 0; round < 20; round += 1) {
      const role = await permitted.roleWith(admin, ['roles:read']);
      const [removed, ...given] = await Promise.all([remove(role), ...people.map(({ id }) => give(id, ['user', role]))]);
      const have = await users.database.query
        .selectFrom('users')
        .select(['id', 'roles'])
        .where(
          'id',
          'in',
          people.map(({ id }) => id),
        )
        .execute();
      const owners = have.filter(({ roles }) => roles.includes(role)).length;
      expect(owners).toBe(given.filter(({ statusCode }) => statusCode === 200).length);
      expect(removed.statusCode).toBe(owners === 0 ? 204 : 409);
      for (const { statusCode } of given) expect([200, 400]).toContain(statusCode);
    }
  });
});
