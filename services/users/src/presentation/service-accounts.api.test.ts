import { createHash } from 'node:crypto';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LoggedIn } from '../testing/people.ts';
import { permittedOf } from '../testing/permitted.ts';
import { somebody, tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
let admin: LoggedIn;
let permitted: ReturnType<typeof permittedOf>;
beforeAll(async () => {
  users = await usersUnderTest();
  permitted = permittedOf(users);
  admin = await permitted.admin();
});
afterAll(() => users[Symbol.asyncDispose]());

const PATH = '/v1/service-accounts';
let count = 0;
const newName = () => `back end ${(count += 1)}`;
const create = (body: object, { token = admin.accessToken, headers = {} }: { token?: string; headers?: Record<string, string> } = {}) =>
  permitted.ask(token, 'POST', PATH, body, headers);
const remove = (id: string, token = admin.accessToken) => permitted.ask(token, 'DELETE', `${PATH}/${id}`);
const list = (query = '', token = admin.accessToken) => permitted.ask(token, 'GET', `${PATH}${query}`);
const later = (ms: number) => new Date(users.clock.now().getTime() + ms).toISOString();
/** Whether a key is accepted on a route for anyone, and on one that needs a permission. */
const worksAt = async (http: Pick<UsersUnderTest['http'], 'inject'>, apiKey: string) => {
  const headers = { authorization: `Bearer ${apiKey}` };
  const registered = await http.inject({ method: 'POST', url: '/v1/users', payload: somebody(), headers });
  return [registered.statusCode, (await http.inject({ url: PATH, headers })).statusCode];
};

describe('a service account', () => {
  test('is made with a key that is shown once', async () => {
    const name = newName();
    const expiresAt = later(3_600_000);
    const made = await create({ name, permissions: ['users:read', 'users:create'], expiresAt });
    const { apiKey, ...account } = made.json();
    expect([made.statusCode, made.headers['cache-control']]).toEqual([201, 'no-store']);
    expect(apiKey).toMatch(/^stoa_sk_[A-Za-z0-9_-]{43}$/);
    expect(account).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name,
      prefix: apiKey.slice(0, 12),
      permissions: ['users:create', 'users:read'],
      expiresAt,
      createdAt: later(0),
      lastUsedAt: null,
    });
    const { items } = (await list('?limit=1')).json();
    expect(items).toEqual([account]);
    expect(await users.audit(account.id)).toMatchObject([
      { action: 'service-account-created', actor: `user:${admin.id}`, details: { name, prefix: account.prefix } },
    ]);
  });

  test('is made once by a request whose answer was lost, which shows its key; another one gets neither', async () => {
    const body = { name: newName(), permissions: ['service-accounts:read'] };
    const keyed = (key: string) => create(body, { headers: { 'idempotency-key': key } });
    const first = await keyed(body.name);
    await users.loseAnswers();
    const again = await keyed(body.name);
    expect([again.statusCode, again.json()]).toEqual([201, first.json()]);
    expect(again.headers['idempotency-replayed']).toBeUndefined();
    await eventually(async () => expect(await worksAt(users.http, again.json().apiKey)).toEqual([201, 200]));
    expect(await users.audit(first.json().id)).toHaveLength(1);
    expect((await keyed(`other ${body.name}`)).json()).toMatchObject({ code: 'service_account_taken' });
    const other = await create({ ...body, name: newName() }, { headers: { 'idempotency-key': newName() } });
    expect(other.json().apiKey).not.toBe(first.json().apiKey);
  });

  test('is the answer to a repeat of the lost request also when its expiry has passed meanwhile', async () => {
    const body = { name: newName(), permissions: [], expiresAt: later(1_000) };
    const keyed = () => create(body, { headers: { 'idempotency-key': body.name } });
    const first = await keyed();
    await users.loseAnswers();
    users.clock.advance(2_000);
    const again = await keyed();
    expect([again.statusCode, again.json()]).toEqual([201, first.json()]);
  });

  test('is stored as a digest: its key is in no row and no line of the log', async () => {
    const { id, apiKey } = (await create({ name: newName(), permissions: [] }, { headers: { 'idempotency-key': newName() } })).json();
    const { database } = users;
    const row = await database.query.selectFrom('service_accounts').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
    expect(row.digest.equals(createHash('sha256').update(apiKey).digest())).toBe(true);
    const audit = await database.query.selectFrom('audit').selectAll().execute();
    expect(JSON.stringify([row, audit, users.logged])).not.toContain(apiKey.slice(12));
  });

  test('works on every process within a second, and dies there within one', async () => {
    const copy = await users.another();
    const made = (await create({ name: newName(), permissions: ['service-accounts:read', 'users:create'] })).json();
    const soon = { timeoutMs: 1_000, intervalMs: 20 };
    expect(await worksAt(users.http, made.apiKey)).toEqual([201, 200]);
    await eventually(async () => expect(await worksAt(copy.http, made.apiKey)).toEqual([201, 200]), soon);

    users.clock.advance(1);
    expect((await remove(made.id)).statusCode).toBe(204);
    expect(await worksAt(users.http, made.apiKey)).toEqual([401, 401]);
    await eventually(async () => expect(await worksAt(copy.http, made.apiKey)).toEqual([401, 401]), soon);
    expect((await users.audit(made.id)).map(({ action }) => action)).toEqual(['service-account-created', 'service-account-deleted']);
    expect((await remove(made.id)).json()).toMatchObject({ status: 404, code: 'service_account_not_found' });
    await copy.stop();
  });

  test('is refused from the moment of its expiry', async () => {
    const { apiKey } = (await create({ name: newName(), permissions: ['service-accounts:read'], expiresAt: later(60_000) })).json();
    users.clock.advance(59_999);
    expect(await worksAt(users.http, apiKey)).toEqual([201, 200]);
    users.clock.advance(1);
    expect(await worksAt(users.http, apiKey)).toEqual([401, 401]);
  });

  test('shows when its key was used last', async () => {
    const { id, apiKey } = (await create({ name: newName(), permissions: ['service-accounts:read'] })).json();
    const usedAt = later(0);
    expect((await list('', apiKey)).statusCode).toBe(200);
    // What was used is reported with the next request, and a change ends the one that is held.
    await create({ name: newName(), permissions: [] });
    await eventually(async () => {
      const { items } = (await list()).json();
      expect(items.find((account: { id: string }) => account.id === id)).toMatchObject({ lastUsedAt: usedAt });
    });
  });

  test('sent again with its Idempotency-Key is the same one, with the same key', async () => {
    const [body, headers] = [{ name: newName(), permissions: [] }, { 'idempotency-key': newName() }];
    const [first, second] = [await create(body, { headers }), await create(body, { headers })];
    expect(second.json()).toEqual(first.json());
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect((await create({ ...body, name: newName() }, { headers })).json()).toMatchObject({ code: 'idempotency_key_reused' });
    const [{ answer } = {}] = await users.database.query
      .selectFrom('idempotency_keys' as never)
      .selectAll()
      .execute()
      .then((rows) => rows as { answer?: Buffer }[]);
    expect(answer?.toString('latin1')).not.toContain(first.json().apiKey);
  });
});

describe('what can be asked for', () => {
  test('names are unique; one of twenty that take the same one at the same time succeeds', async () => {
    const name = newName();
    expect(tally(await times(20, () => create({ name, permissions: [] })))).toEqual({ '201': 1, '409 service_account_taken': 19 });
    expect((await create({ name: `  ${name} `, permissions: [] })).json()).toMatchObject({ code: 'service_account_taken' });
  });

  test('names are one line that says something', async () => {
    for (const name of ['', '   ', 'a\nb', 'a\tb', 'a\u0000b', '\ud800', 'x'.repeat(65), 1, null]) {
      expect((await create({ name, permissions: [] })).json()).toMatchObject({ status: 400, errors: [{ path: '/name' }] });
    }
    for (const name of ["'; drop table service_accounts; --", '<script>alert(1)</script>', '__proto__', 'constructor', '💙'.repeat(64)]) {
      const made = await create({ name, permissions: [] });
      expect([made.statusCode, made.json().name]).toEqual([201, name]);
    }
  });

  test('the end is in the future, and a time that exists', async () => {
    for (const expiresAt of [
      later(0),
      later(-1),
      '2020-01-01T00:00:00Z',
      '2030-12-31T23:59:60Z',
      '9999-12-31T23:59:59-23:00',
      '2030-02-30T00:00:00Z',
      'tomorrow',
      1,
      '',
    ]) {
      expect((await create({ name: newName(), permissions: [], expiresAt })).json()).toMatchObject({ errors: [{ path: '/expiresAt' }] });
    }
    expect((await create({ name: newName(), permissions: [], expiresAt: null })).json()).toMatchObject({ expiresAt: null });
    expect((await create({ name: newName(), permissions: [], expiresAt: later(1) })).statusCode).toBe(201);
  });

  test('nothing beyond its own fields', async () => {
    for (const more of [{ apiKey: 'stoa_sk_mine' }, { id: admin.id }, { prefix: 'x' }, { lastUsedAt: null }, { roles: ['admin'] }]) {
      const body = { name: newName(), permissions: [], ...more };
      expect((await create(body)).json()).toMatchObject({ errors: [{ path: `/${Object.keys(more)[0]}` }] });
    }
    for (const permissions of [['users:fly'], ['users:read', 'users:read'], 'users:read', undefined]) {
      expect((await create({ name: newName(), permissions })).statusCode).toBe(400);
    }
  });

  test('pages, newest first', async () => {
    for (let made = 0; made < 5; made += 1) await create({ name: newName(), permissions: [] });
    const whole: string[] = (await list('?limit=100')).json().items.map(({ id }: { id: string }) => id);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: { id: string }[]; nextCursor: string | null } = (
        await list(`?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`)
      ).json();
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(whole);
    expect(whole).toEqual([...whole].sort().reverse());
  });
});

describe('who may', () => {
  test('nobody without a token, and nobody without the permission', async () => {
    const { id } = (await create({ name: newName(), permissions: [] })).json();
    const [person, key] = [await permitted.personWith(admin, ['roles:write']), await permitted.keyWith(admin, ['roles:write'])];
    const reader = await permitted.keyWith(admin, ['service-accounts:read']);
    const requests = [
      ['GET', PATH, undefined],
      ['POST', PATH, { name: newName(), permissions: [] }],
      ['DELETE', `${PATH}/${id}`, undefined],
    ] as const;
    for (const [method, url, body] of requests) {
      expect((await permitted.ask(undefined, method, url, body)).json()).toMatchObject({ status: 401, code: 'token_missing' });
      expect((await permitted.ask(`stoa_sk_${'x'.repeat(43)}`, method, url, body)).json()).toMatchObject({ code: 'token_invalid' });
      for (const token of [person.accessToken, key]) {
        expect((await permitted.ask(token, method, url, body)).json()).toMatchObject({ status: 403, code: 'permission_denied' });
      }
      expect((await permitted.ask(reader, method, url, body)).statusCode).toBe(method === 'GET' ? 200 : 403);
    }
  });

  test('nobody makes or deletes one with permissions that they do not have', async () => {
    const permissions = ['service-accounts:write', 'users:read'] as const;
    const strong = (await create({ name: newName(), permissions: ['users:read', 'audit:read'] })).json();
    const denied = { status: 403, code: 'permission_denied' };
    for (const token of [(await permitted.personWith(admin, permissions)).accessToken, await permitted.keyWith(admin, permissions)]) {
      expect((await create({ name: newName(), permissions: ['audit:read'] }, { token })).json()).toMatchObject(denied);
      expect((await remove(strong.id, token)).json()).toMatchObject(denied);
      const weak = await create({ name: newName(), permissions: ['users:read'] }, { token });
      expect(weak.statusCode).toBe(201);
      expect((await remove(weak.json().id, token)).statusCode).toBe(204);
    }
  });

  test('a key is no person', async () => {
    const key = await permitted.keyWith(admin, ['users:read']);
    for (const [method, url] of [
      ['GET', '/v1/users/me'],
      ['GET', '/v1/sessions'],
      ['DELETE', '/v1/sessions'],
    ] as const) {
      expect((await permitted.ask(key, method, url)).json()).toMatchObject({ status: 403, code: 'permission_denied' });
    }
  });

  test('an id that is none, or of nobody, is distinguished from a deletion', async () => {
    expect((await remove('1')).statusCode).toBe(400);
    expect((await remove(admin.id)).json()).toMatchObject({ status: 404, code: 'service_account_not_found' });
  });
});
