import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { administrationOf } from '../testing/administration.ts';
import { linksOf } from '../testing/links.ts';
import { peopleOf } from '../testing/people.ts';
import { somebody, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
let administration: ReturnType<typeof administrationOf>;
beforeAll(async () => {
  users = await usersUnderTest();
  administration = administrationOf(users);
});
afterAll(() => users[Symbol.asyncDispose]());

const stored = (email: string) => users.database.query.selectFrom('users').selectAll().where('email', '=', email).executeTakeFirst();
const administrator = { status: 'active', roles: ['user', 'admin'], protected: true };

describe('an administrator by command line', () => {
  test('with a password is active, protected, and can log in', async () => {
    const { email, password } = somebody();
    expect(await administration.makeAdministrator(` ${email.toUpperCase()}`, password)).toEqual({ outcome: 'created', email });
    const row = await stored(email);
    expect(row).toMatchObject(administrator);
    users.clock.advance(1);
    const answer = await peopleOf(users).logIn({ email, password });
    expect(answer.json()).toMatchObject({ user: { status: 'active', roles: ['user', 'admin'] } });
    expect((await users.audit(row?.id as string))[0]).toMatchObject({
      action: 'administrator-created',
      actor: 'command-line',
      details: { status: 'active' },
    });
  });

  test('without one waits for the link, which works once', async () => {
    const { email, password } = somebody();
    const made = await administration.makeAdministrator(email, undefined);
    const { token } = made as { token: string };
    expect(made).toMatchObject({ outcome: 'invited', token: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) });
    expect(await stored(email)).toMatchObject({ ...administrator, status: 'pending', password_hash: null });
    expect((await peopleOf(users).logIn({ email, password })).json()).toMatchObject({ code: 'invalid_credentials' });

    const links = linksOf(users);
    expect((await links.confirm(token, password)).statusCode).toBe(204);
    expect(await stored(email)).toMatchObject(administrator);
    expect((await peopleOf(users).logIn({ email, password })).statusCode).toBe(201);
    expect((await links.confirm(token, 'another pass phrase')).json()).toMatchObject({ code: 'link_invalid' });
    expect(await links.requests(email)).toEqual([]);
  });

  test('asked for again before it was used is another link, or the password, and the first one is void', async () => {
    const { email, password } = somebody();
    const first = await administration.makeAdministrator(email, undefined);
    const second = await administration.makeAdministrator(email, undefined);
    const confirm = (made: object) => linksOf(users).confirm((made as { token: string }).token, password);
    expect((await confirm(first)).json()).toMatchObject({ code: 'link_invalid' });
    expect(await administration.unprotect(email)).toBe('done');
    expect(await administration.makeAdministrator(email, password)).toMatchObject({ outcome: 'created' });
    expect(await stored(email)).toMatchObject(administrator);
    expect((await confirm(second)).json()).toMatchObject({ code: 'link_invalid' });
    expect((await peopleOf(users).logIn({ email, password })).statusCode).toBe(201);
  });

  test('has a link that works a day', async () => {
    const { email, password } = somebody();
    const { token } = (await administration.makeAdministrator(email, undefined)) as { token: string };
    users.clock.advance(24 * 3_600_000);
    expect((await linksOf(users).confirm(token, password)).json()).toMatchObject({ code: 'link_expired' });
  });

  test('of an account that is active keeps the password, and its person has the role with the next refresh', async () => {
    const person = await peopleOf(users).loggedIn();
    const answer = await administration.makeAdministrator(person.email, 'another pass phrase');
    expect(answer).toEqual({ outcome: 'appointed', isChanged: true, email: person.email });
    expect(await stored(person.email)).toMatchObject(administrator);
    // The running service learns of it by itself.
    const before = () => peopleOf(users).as(person.accessToken);
    await eventually(async () => expect((await before()).json()).toMatchObject({ code: 'token_invalid' }), { timeoutMs: 1_000 });
    expect((await peopleOf(users).logIn(person)).statusCode).toBe(201);
    const refreshed = await peopleOf(users).refresh(person.refreshToken);
    expect(refreshed.json()).toMatchObject({ user: { roles: ['user', 'admin'] } });
    expect((await users.audit(person.id)).map(({ action, actor }) => [action, actor])).toContainEqual([
      'administrator-appointed',
      'command-line',
    ]);
    expect(await administration.makeAdministrator(person.email, undefined)).toMatchObject({ outcome: 'appointed', isChanged: false });
    expect((await users.audit(person.id)).filter(({ action }) => action === 'administrator-appointed')).toHaveLength(1);
  });

  test('is refused where somebody has registered the address, perhaps another person', async () => {
    const pending = await users.registered();
    const blocked = await peopleOf(users).active();
    await users.database.query.updateTable('users').set({ status: 'blocked' }).where('id', '=', blocked.id).execute();
    for (const [{ email, id }, status] of [
      [pending, 'pending'],
      [blocked, 'blocked'],
    ] as const) {
      const before = await stored(email);
      expect(await administration.makeAdministrator(email, 'another pass phrase')).toEqual({ outcome: 'refused', status, email });
      expect(await administration.makeAdministrator(email, undefined)).toEqual({ outcome: 'refused', status, email });
      expect(await stored(email)).toEqual(before);
      expect((await users.audit(id)).filter(({ actor }) => actor === 'command-line')).toEqual([]);
    }
  });

  test('has a password by the rules of registration, and an address', async () => {
    const { email } = somebody();
    for (const [typed, password, path] of [
      [email, 'short', '/password'],
      [email, email, '/password'],
      ['no address', 'a good pass phrase', '/email'],
    ] as const) {
      await expect(administration.makeAdministrator(typed, password)).rejects.toMatchObject({ fields: [{ path }] });
    }
    expect(await stored(email)).toBeUndefined();
  });

  test('made twenty times at the same time is one account', async () => {
    const { email, password } = somebody();
    const made = await Promise.allSettled(Array.from({ length: 20 }, () => administration.makeAdministrator(email, password)));
    const outcomes = made.map((result) => (result.status === 'fulfilled' ? result.value.outcome : result.reason.code));
    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
    expect(outcomes.every((outcome) => ['created', 'email_taken', 'appointed'].includes(outcome))).toBe(true);
  });
});

describe('unprotecting', () => {
  test('takes the protection alone, and is audited', async () => {
    const { email, password } = somebody();
    await administration.makeAdministrator(email, password);
    users.clock.advance(1);
    expect(await administration.unprotect(email.toUpperCase())).toBe('done');
    const row = await stored(email);
    expect(row).toMatchObject({ ...administrator, protected: false });
    expect((await users.audit(row?.id as string)).at(-1)).toMatchObject({ action: 'administrator-unprotected', actor: 'command-line' });
    expect(await administration.unprotect(email)).toBe('not-protected');
    expect(await administration.unprotect(somebody().email)).toBe('unknown');
    expect(await administration.unprotect('no address')).toBe('unknown');
  });
});

describe('rotating the keys', () => {
  test('logs nobody out, and the next key signs when all know it', async () => {
    const person = await peopleOf(users).loggedIn();
    const { kid, signsFrom } = await administration.rotateKeys();
    expect((await users.audit(kid))[0]).toMatchObject({ action: 'signing-key-rotated', actor: 'command-line' });
    const keyOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] as string, 'base64url').toString()).kid;
    const { as, refresh } = peopleOf(users);
    expect((await as(person.accessToken)).statusCode).toBe(200);
    const soon = (await refresh(person.refreshToken)).json();
    expect(keyOf(soon.accessToken)).not.toBe(kid);
    users.clock.advance(signsFrom.getTime() - users.clock.now().getTime() + 5_000);
    const later = (await refresh(soon.refreshToken)).json();
    expect(keyOf(later.accessToken)).toBe(kid);
    await eventually(async () => expect((await as(later.accessToken)).statusCode).toBe(200));
    expect((await as(soon.accessToken)).statusCode).toBe(200);
  });
});
