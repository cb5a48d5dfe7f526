import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LoggedIn, peopleOf } from '../testing/people.ts';
import { somebody, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
let people: ReturnType<typeof peopleOf>;
let admin: LoggedIn;

beforeAll(async () => {
  users = await usersUnderTest({ RATE_LIMITS: 'off' });
  people = peopleOf(users);
  admin = await people.administrator();
});
afterAll(() => users[Symbol.asyncDispose]());

const read = (path: string, { accessToken } = admin) => people.as(accessToken, 'GET', `/v1/users${path}`);

describe('one account', () => {
  test('one’s own, with a tag that spares reading it again', async () => {
    const person = await people.loggedIn({ ...somebody(), login: `l${randomBytes(6).toString('hex')}` } as never);
    const answer = await read('/me', person);
    expect(answer.json()).toEqual({
      id: person.id,
      email: person.email,
      login: expect.stringMatching(/^l/),
      phone: null,
      fullName: null,
      status: 'active',
      roles: ['user'],
      createdAt: expect.stringMatching(/Z$/),
    });
    const again = await users.http.inject({
      url: '/v1/users/me',
      headers: { authorization: `Bearer ${person.accessToken}`, 'if-none-match': String(answer.headers['etag']) },
    });
    expect([again.statusCode, again.body]).toEqual([304, '']);
  });

  test('that of another with the permission to read accounts, and not without', async () => {
    const person = await people.loggedIn();
    expect((await read(`/${person.id}`)).json()).toMatchObject({ id: person.id, email: person.email });
    expect((await read(`/${admin.id}`, person)).json()).toMatchObject({ status: 403, code: 'permission_denied' });
    expect((await users.http.inject(`/v1/users/${person.id}`)).json()).toMatchObject({ status: 401, code: 'token_missing' });
    expect((await read('/0199d3a0-0000-7000-8000-00000000ffff')).json()).toMatchObject({ status: 404, code: 'user_not_found' });
    expect((await read('/not-an-id')).statusCode).toBe(400);
  });
});

describe('the list', () => {
  const tag = randomBytes(4).toString('hex');
  const register = async (email: string, more: object = {}) => {
    users.clock.advance(1);
    return (await users.register({ email, password: 'pass phrase 42!', ...more })).json().id as string;
  };
  let ada: string;
  let grace: string;
  let others: string[];
  beforeAll(async () => {
    ada = await register(`ada.${tag}@example.com`, { fullName: 'Ada Lovelace', login: `countess-${tag}`, phone: '+49 30 901820' });
    grace = await register(`g${tag}hopper@example.com`, { fullName: 'Grace Hopper 100%' });
    others = [];
    for (let n = 0; n < 5; n += 1) others.push(await register(`page${n}-${tag}@pages.example`));
  });
  const ids = async (query: Record<string, string>) => {
    const answer = await read(`?${new URLSearchParams(query)}`);
    expect(answer.statusCode).toBe(200);
    return (answer.json().items as { id: string }[]).map(({ id }) => id);
  };

  test.for([
    ['a part of the name, in any case', 'LOVELA'],
    ['two words', 'ada  lovelace'],
    ['the beginning of the address', `ada.${tag}`],
    ['the middle of the login', `tess-${tag}`],
    ['the number as it is dialled at home', '030 901820'],
    ['the number as it is written abroad', '0049 (30) 901-820'],
    ['a name that is misspelt', 'lovelase'],
    ['both names misspelt', 'ada lovelce'],
    ['a short word with a letter too few', 'lovlace'],
  ] as const)('finds somebody by %s', async ([, q]) => {
    expect(await ids({ q })).toEqual([ada]);
  });

  test('by the address, login or number that begins with it, before those that have it somewhere', async () => {
    const longer = await register(`zz.ada.${tag}@example.com`, { phone: '+1 650 493 0901' });
    expect(await ids({ q: `ada.${tag}@example.com` })).toEqual([ada]);
    expect(await ids({ q: `a.${tag}@example.com` })).toEqual([longer, ada]);
    expect(await ids({ q: '+49 30 901' })).toEqual([ada]);
    expect(await ids({ q: '493 0901' })).toEqual([longer, ada]);
    expect(await ids({ q: `ada.${tag}@example.com`, status: 'active' })).toEqual([]);
  });

  test('by a role that few have, page by page', async () => {
    const role = `role-${tag}`;
    await users.database.query
      .updateTable('users')
      .set({ roles: ['user', role] })
      .where('id', 'in', others.slice(0, 3))
      .execute();
    const first = (await read(`?role=${role}&limit=2`)).json();
    const second = (await read(`?role=${role}&limit=2&cursor=${first.nextCursor}`)).json();
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(others.slice(0, 3).toReversed());
    expect(await ids({ role, q: 'page1' })).toEqual([others[1]]);
    expect(await ids({ role, status: 'active' })).toEqual([]);
  });

  test('one or two characters begin a word', async () => {
    expect(await ids({ q: 'lo' })).toEqual([ada]);
    expect(await ids({ q: 've' })).toEqual([]);
  });

  test('what means something to a database is a character like others', async () => {
    expect(await ids({ q: '100%' })).toEqual([grace]);
    for (const q of ['%', '_', '%%%', '___', "' or 1=1 --", '\\', '\\%', '§§§', '\u00a0']) expect(await ids({ q }), q).toEqual([]);
  });

  test('has pages, newest first, without gaps while people register; by status and role', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: { items: { id: string }[]; nextCursor: string | null } = (
        await read(`?q=${tag}%40pages&limit=2${cursor && `&cursor=${cursor}`}`)
      ).json();
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
      await register(`late${seen.length}-${tag}@pages.example`);
    }
    expect(seen).toEqual(others.toReversed());
    expect(await ids({ role: 'admin' })).toEqual([admin.id]);
    expect(await ids({ status: 'pending', q: 'lovelace' })).toEqual([ada]);
    expect(await ids({ status: 'active', q: 'lovelace' })).toEqual([]);
  });

  test('those that are spelt alike have pages too', async () => {
    const name = `Zimmermann${tag.slice(0, 1)}`;
    for (let n = 0; n < 3; n += 1) await register(`z${n}-${tag}@alike.example`, { fullName: name });
    const first = (await read('?q=zimmerman+n&limit=2')).json();
    const second = (await read(`?q=zimmerman+n&limit=2&cursor=${first.nextCursor}`)).json();
    expect([first.items.length, second.items.length, second.nextCursor]).toEqual([2, 1, null]);
  });

  test('a cursor is good for its own query alone', async () => {
    const { nextCursor } = (await read('?limit=1')).json();
    expect((await read(`?limit=1&cursor=${nextCursor}`)).statusCode).toBe(200);
    for (const query of [`?q=ada&cursor=${nextCursor}`, `?role=admin&cursor=${nextCursor}`, `?cursor=${nextCursor}x`, '?cursor=x']) {
      expect((await read(query)).json()).toMatchObject({ status: 400, code: 'invalid_cursor' });
    }
  });

  test.for(['limit=0', 'limit=101', 'limit=x', 'status=gone', 'q=', `q=${'x'.repeat(201)}`, 'q=a&q=b', 'order=id', 'q=%00'])(
    'refuses %s',
    async (query) => {
      expect((await read(`?${query}`)).statusCode).toBe(400);
    },
  );
});
