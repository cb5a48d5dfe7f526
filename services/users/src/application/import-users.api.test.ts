import { userProfilesSnapshot } from '@stoa/contracts';
import { createLog, loadConfig } from '@stoa/service';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createUsersAdministration, users as definition } from '../index.ts';
import { peopleOf } from '../testing/people.ts';
import { publishedProfilesOf } from '../testing/profiles.ts';
import { basic, somebody, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
let people: ReturnType<typeof peopleOf>;
beforeAll(async () => {
  users = await usersUnderTest({ RATE_LIMITS: 'off' });
  people = peopleOf(users);
});
afterAll(() => users[Symbol.asyncDispose]());

/** Of `U*U`, from the tests of crypt_blowfish. */
const BCRYPT = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
/** Of `password`, from the tests of the reference implementation. */
const ARGON2ID = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';

async function importRows(rows: readonly (object | string)[]) {
  const { database, clock, derive } = users;
  const config = loadConfig(definition.config, {});
  const administration = createUsersAdministration({ config, database, clock, derive, log: createLog({ level: 'silent' }) });
  const told: [number, string][] = [];
  async function* lines() {
    for (const row of rows) yield Buffer.from(typeof row === 'string' ? row : JSON.stringify(row));
  }
  return { ...(await administration.importUsers(lines(), (line, reason) => void told.push([line, reason]))), told };
}
const stored = (email: string) => users.database.query.selectFrom('users').selectAll().where('email', '=', email).executeTakeFirst();
/** The events that were published since some event. */
const eventsSince = async (id = '0') =>
  await users.database.query
    // The outbox belongs to the messaging package, whose tables this schema does not name.
    .withTables<{ outbox_events: { id: string; type: string; data: { profiles: unknown[] } } }>()
    .selectFrom('outbox_events')
    .select(['id', 'type', 'data'])
    .where('id', '>', id)
    .orderBy('id')
    .execute();
const row = (more: object = {}) => ({ email: somebody().email, passwordHash: BCRYPT, ...more });

describe('an import', () => {
  test('makes accounts whose people log in with the passwords they have; each is audited, nothing is mailed', async () => {
    const [ada, bob] = [row({ login: `ada${Date.now()}`, createdAt: '2020-01-31T12:00:00Z' }), row({ passwordHash: ARGON2ID })];
    expect(await importRows([ada, '', bob])).toEqual({ imported: 2, skipped: 0, refused: 0, told: [] });
    expect((await eventsSince()).map(({ type }) => type)).toEqual([userProfilesSnapshot.name]);

    users.clock.advance(1);
    const answer = await people.logIn({ email: ada.email, password: 'U*U' });
    expect(answer.json()).toMatchObject({ user: { status: 'active', roles: ['user'], createdAt: '2020-01-31T12:00:00.000Z' } });
    expect((await people.logIn({ email: bob.email, password: 'password' })).statusCode).toBe(201);
    expect((await people.logIn({ email: bob.email, password: 'U*U' })).statusCode).toBe(401);
    // The log-in has made it anew.
    expect((await stored(bob.email))?.password_hash).toMatch(/^\$2b\$04\$/);
    const { id } = (await stored(ada.email)) ?? {};
    expect((await users.audit(id as string))[0]).toMatchObject({ action: 'user-imported', actor: 'command-line', address: null });
  });

  test('again skips what is there, and goes on', async () => {
    const rows = [row(), row()];
    await importRows(rows);
    const before = await stored((rows[0] as { email: string }).email);
    expect(await importRows([{ ...rows[0], passwordHash: ARGON2ID }, rows[1] as object, row()])).toMatchObject({
      imported: 1,
      skipped: 2,
      refused: 0,
    });
    expect(await stored(before?.email as string)).toEqual(before);
  });

  test('refuses line by line, and takes the others', async () => {
    const login = `taken${Date.now()}`;
    const [first, second] = [row({ login, phone: '+49 30 901821' }), row()];
    const rows = [
      first,
      '{',
      { ...second, email: first.email.toUpperCase() },
      row({ login: login.toUpperCase() }),
      row({ phone: '004930901821' }),
      second,
    ];
    expect(await importRows(rows)).toEqual({
      imported: 2,
      skipped: 1,
      refused: 3,
      told: expect.arrayContaining([
        [2, 'is not JSON in UTF-8'],
        [4, 'login is taken by another account'],
        [5, 'phone is taken by another account'],
      ]),
    });
  });

  test('of a pending account gives it a day, and a code when it asks for one', async () => {
    const pending = row({ status: 'pending', createdAt: '2020-01-31T12:00:00Z' });
    await importRows([pending]);
    const credentials = basic({ email: pending.email, password: 'U*U' });
    const { id } = (await stored(pending.email)) ?? {};
    expect(await stored(pending.email)).toMatchObject({ status: 'pending', code_requested_at: users.clock.now() });
    expect(await publishedProfilesOf(users.database, id as string)).toEqual([]);
    expect((await users.resend({ email: pending.email, password: 'U*U' })).statusCode).toBe(202);
    const code = await users.codeOf({ email: pending.email, password: 'U*U' });
    const answer = await users.post('/v1/users/activation', { code }, { authorization: credentials });
    expect(answer.json()).toMatchObject({ status: 'active' });
    expect(await publishedProfilesOf(users.database, id as string)).toEqual([{ userId: id, name: null, version: 2 }]);
  });

  test('publishes the names of its active people, many in one event, and each of them once', async () => {
    const before = (await eventsSince()).at(-1)?.id;
    const rows = Array.from({ length: 1_100 }, (_, index) => row({ fullName: `Number ${index}`, ...(index % 2 && { status: 'pending' }) }));
    await importRows(rows);
    await importRows(rows);
    const events = await eventsSince(before);
    expect(events.map(({ type, data }) => [type, data.profiles.length])).toEqual(
      [250, 250, 50].map((count) => [userProfilesSnapshot.name, count]),
    );
    const { id, version } = (await stored((rows[2] as { email: string }).email)) ?? {};
    expect(await publishedProfilesOf(users.database, id as string)).toEqual([{ userId: id, name: 'Number 2', version }]);
  });

  test('larger than a batch counts its lines over all of them', async () => {
    const rows = Array.from({ length: 1_203 }, (_, index) => row({ fullName: `Number ${index}` }));
    rows.splice(700, 0, { ...row(), passwordHash: 'none' });
    const { told, ...counts } = await importRows(rows);
    expect(counts).toEqual({ imported: 1_203, skipped: 0, refused: 1 });
    expect(told).toEqual([[701, expect.stringContaining('passwordHash')]]);
    expect(await importRows(rows)).toMatchObject({ imported: 0, skipped: 1_203, refused: 1 });
  });

  test('of the same people twenty times at a time makes each of them once', async () => {
    const rows = Array.from({ length: 40 }, () => row());
    const results = await times(20, (index) => importRows(index % 2 ? rows : rows.toReversed()));
    const sum = (count: 'imported' | 'skipped' | 'refused') => results.reduce((total, result) => total + result[count], 0);
    expect([sum('imported'), sum('skipped'), sum('refused')]).toEqual([40, 760, 0]);
  });
});
