import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LoggedIn, peopleOf } from '../testing/people.ts';
import { permittedOf } from '../testing/permitted.ts';
import { somebody, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
let admin: LoggedIn;
let permitted: ReturnType<typeof permittedOf>;
beforeAll(async () => {
  users = await usersUnderTest();
  permitted = permittedOf(users);
  admin = await permitted.admin();
});
afterAll(() => users[Symbol.asyncDispose]());

interface Entry {
  readonly id: string;
  readonly at: string;
  readonly action: string;
  readonly actor: string;
  readonly subject: string | null;
}
const ask = (query: Record<string, string> = {}, token: string | undefined = admin.accessToken) =>
  permitted.ask(token, 'GET', `/v1/audit?${new URLSearchParams(query)}`);
const entries = async (query: Record<string, string>): Promise<Entry[]> => (await ask({ limit: '100', ...query })).json().items;
const now = () => users.clock.now().toISOString();
/** A role made and deleted, at two times: two entries that no other test knows. */
async function story() {
  const name = `r${randomUUID().slice(0, 8)}`;
  users.clock.advance(1_000);
  const begun = now();
  const headers = { 'x-correlation-id': `c-${name}` };
  await permitted.ask(admin.accessToken, 'POST', '/v1/roles', { name, permissions: ['users:read'] }, headers);
  users.clock.advance(1_000);
  const ended = now();
  await permitted.ask(admin.accessToken, 'DELETE', `/v1/roles/${name}`);
  return { name, begun, ended };
}

describe('the audit log', () => {
  test('shows who did what to what, when, from where and in which request', async () => {
    const { name, begun } = await story();
    const [deleted, created, ...others] = await entries({ subject: name });
    expect(others).toEqual([]);
    expect(deleted).toMatchObject({ action: 'role-deleted' });
    expect(created).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      at: begun,
      action: 'role-created',
      actor: `user:${admin.id}`,
      subject: name,
      address: '127.0.0.1',
      correlationId: `c-${name}`,
      details: { permissions: ['users:read'] },
    });
  });

  test('is filtered by actor, action, subject and time, each and together', async () => {
    const { name, begun, ended } = await story();
    const actor = `user:${admin.id}`;
    const actionsOf = async (query: Record<string, string>) => (await entries({ subject: name, ...query })).map(({ action }) => action);
    expect(await actionsOf({ action: 'role-created' })).toEqual(['role-created']);
    expect(await actionsOf({ actor })).toEqual(['role-deleted', 'role-created']);
    expect(await actionsOf({ actor: 'command-line' })).toEqual([]);
    expect(await actionsOf({ from: begun })).toEqual(['role-deleted', 'role-created']);
    expect(await actionsOf({ from: ended })).toEqual(['role-deleted']);
    expect(await actionsOf({ to: ended })).toEqual(['role-created']);
    expect(await actionsOf({ from: begun, to: ended, actor, action: 'role-created' })).toEqual(['role-created']);
    expect(await actionsOf({ from: ended, to: begun })).toEqual([]);
    expect(await actionsOf({ from: '0001-01-01T00:00:00Z', to: '9999-12-31T23:59:59Z' })).toHaveLength(2);
    expect(await entries({ action: 'no-such-action' })).toEqual([]);
    expect((await entries({ actor: 'command-line' })).map(({ action }) => action)).toEqual(['administrator-created']);
  });

  test('comes in pages that lose and repeat nothing while it grows', async () => {
    for (let told = 0; told < 3; told += 1) await story();
    const actor = `user:${admin.id}`;
    const whole = (await entries({ actor })).map(({ id }) => id);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: Entry[]; nextCursor: string | null } = (
        await ask({ actor, limit: '2', ...(cursor !== null && { cursor }) })
      ).json();
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
      if (seen.length < 5) await story();
    } while (cursor !== null);
    expect(seen).toEqual(whole);
    expect(whole).toEqual([...whole].sort().reverse());
    const other = (await ask({ actor, limit: '2' })).json().nextCursor;
    expect((await ask({ actor: 'system', limit: '2', cursor: other })).json()).toMatchObject({ code: 'invalid_cursor' });
  });

  test('refuses filters that are none', async () => {
    for (const query of [
      { from: 'yesterday' },
      { to: '2030-12-31T23:59:60Z' },
      { limit: '0' },
      { limit: '101' },
      { who: 'me' },
      { actor: '' },
    ]) {
      const [path] = Object.keys(query);
      expect((await ask(query as unknown as Record<string, string>)).json()).toMatchObject({
        status: 400,
        errors: [{ path: `/query/${path}` }],
      });
    }
    for (const actor of ["' or 1=1 --", '%', '💙', '__proto__']) expect(await entries({ actor })).toEqual([]);
  });

  test('is for those who may read it', async () => {
    const without = await permitted.personWith(admin, ['users:read', 'roles:read']);
    expect((await permitted.ask(undefined, 'GET', '/v1/audit')).json()).toMatchObject({ status: 401, code: 'token_missing' });
    for (const token of [without.accessToken, await permitted.keyWith(admin, ['users:read'])]) {
      expect((await ask({}, token)).json()).toMatchObject({ status: 403, code: 'permission_denied' });
    }
    for (const token of [(await permitted.personWith(admin, ['audit:read'])).accessToken, await permitted.keyWith(admin, ['audit:read'])]) {
      expect((await ask({}, token)).statusCode).toBe(200);
    }
    for (const method of ['POST', 'PATCH', 'PUT', 'DELETE'] as const) {
      expect((await permitted.ask(admin.accessToken, method, '/v1/audit', {})).statusCode).toBe(405);
    }
  });

  test('holds nobody’s address, name, password, token or code', async () => {
    const person = await peopleOf(users).loggedIn({ ...somebody(), ...{ fullName: 'Augusta Byron' } });
    await permitted.ask(person.accessToken, 'PATCH', '/v1/users/me', { fullName: 'Augusta King', phone: '+4930901820' });
    await peopleOf(users).logIn({ ...person, password: 'not the password' });
    const all = await entries({ limit: '100' });
    const secrets = [person.email, person.password, 'Augusta', '+4930901820', person.accessToken, person.refreshToken];
    for (const secret of secrets) expect(JSON.stringify(all)).not.toContain(secret);
  });
});

describe('the table', () => {
  test('refuses to be changed, even by the service', async () => {
    const { query } = users.database;
    const before = await query.selectFrom('audit').selectAll().orderBy('id').execute();
    const attempts = [
      () => query.updateTable('audit').set({ actor: 'system' }),
      () => query.updateTable('audit').set({ details: null }).where('id', '=', randomUUID()),
      () => query.deleteFrom('audit'),
      () => query.deleteFrom('audit').where('id', '=', before[0]?.id as string),
    ];
    const isRefused = { message: expect.stringContaining('append-only') };
    for (const attempt of attempts) await expect(attempt().execute()).rejects.toMatchObject(isRefused);
    for (const truncate of [sql`truncate audit`, sql`truncate audit cascade`]) {
      await expect(truncate.execute(query)).rejects.toMatchObject(isRefused);
    }
    expect(await query.selectFrom('audit').selectAll().orderBy('id').execute()).toEqual(before);
  });

  test('is read by an index for each filter', async () => {
    const { query } = users.database;
    const planOf = async (where: ReturnType<typeof sql>) => {
      const rows = await query.transaction().execute(async (tx) => {
        await sql`set local enable_seqscan = off`.execute(tx);
        await sql`set local enable_sort = off`.execute(tx);
        return (await sql<{ 'QUERY PLAN': string }>`explain select id from audit where ${where} order by id desc limit 21`.execute(tx))
          .rows;
      });
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    };
    const id = sql`id < ${randomUUID()}::uuid`;
    expect(await planOf(sql`subject = 'a' and ${id}`)).toContain('audit_of_subject');
    expect(await planOf(sql`actor = 'a' and ${id}`)).toContain('audit_of_actor');
    expect(await planOf(sql`action = 'a' and ${id}`)).toContain('audit_of_action');
    expect(await planOf(id)).toContain('audit_pkey');
  });
});
