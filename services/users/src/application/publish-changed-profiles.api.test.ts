import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { administrationOf } from '../testing/administration.ts';
import { linksOf } from '../testing/links.ts';
import { type LoggedIn, peopleOf } from '../testing/people.ts';
import { permittedOf } from '../testing/permitted.ts';
import { publishedProfilesOf } from '../testing/profiles.ts';
import { somebody, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
let people: ReturnType<typeof peopleOf>;
let admin: LoggedIn;
beforeAll(async () => {
  users = await usersUnderTest({ RATE_LIMITS: 'off' });
  people = peopleOf(users);
  admin = await permittedOf(users).admin();
});
afterAll(() => users[Symbol.asyncDispose]());

const told = ({ id }: { id: string }) => publishedProfilesOf(users.database, id);
const stored = (email: string) => users.database.query.selectFrom('users').selectAll().where('email', '=', email).executeTakeFirstOrThrow();
/** Somebody with a login that no other test knows. */
function named(names: { fullName?: string } = {}) {
  const person = somebody();
  return { ...person, ...names, login: `u${person.email.slice(0, 12)}` };
}
const change = async ({ id }: { id: string }, body: object) => {
  const answer = await people.as(admin.accessToken, 'PATCH', `/v1/users/${id}`, body);
  if (answer.statusCode !== 200) throw new Error(`the change was answered ${answer.body}`);
};
const changeOwn = ({ accessToken }: LoggedIn, body: object) => people.as(accessToken, 'PATCH', '/v1/users/me', body);
const administer = async ({ id }: { id: string }, what: string, body?: object) => {
  const answer = await people.as(admin.accessToken, body ? 'PUT' : 'POST', `/v1/users/${id}/${what}`, body);
  if (answer.statusCode >= 300) throw new Error(`${what} was answered ${answer.body}`);
};

describe('an account that becomes active is published once', () => {
  test('by its code, of twenty at the same time', async () => {
    const person = await users.registered(named({ fullName: 'Ada Lovelace' }));
    expect(await told(person)).toEqual([]);
    await times(20, () => users.activate(person, person.code));
    expect(await told(person)).toEqual([{ userId: person.id, name: 'Ada Lovelace', version: 2 }]);
    expect(await stored(person.email)).toMatchObject({ version: 2 });
  });

  test('by a link, and not again by the next one', async () => {
    const draft = named();
    const { id, email, password } = await users.registered(draft);
    const links = linksOf(users);
    await links.confirm(await links.reset(email), password);
    const profiles = [{ userId: id, name: draft.login, version: 2 }];
    expect(await told({ id })).toEqual(profiles);
    await links.confirm(await links.reset(email), 'another pass phrase');
    expect(await told({ id })).toEqual(profiles);
  });

  test('as an administrator whom a command makes, or invites', async () => {
    expect(await told(admin)).toEqual([{ userId: admin.id, name: null, version: 1 }]);
    const { email, password } = somebody();
    const administration = administrationOf(users);
    const { token } = (await administration.makeAdministrator(email, undefined)) as { token: string };
    const { id } = await stored(email);
    expect(await told({ id })).toEqual([]);
    await linksOf(users).confirm(token, password);
    expect(await told({ id })).toEqual([{ userId: id, name: null, version: 2 }]);

    const other = somebody();
    await administration.makeAdministrator(other.email, undefined);
    await administration.makeAdministrator(other.email, other.password);
    const { id: otherId, version } = await stored(other.email);
    expect(await told({ id: otherId })).toEqual([{ userId: otherId, name: null, version }]);
  });

  test('by the set-up', async () => {
    await using fresh = await usersUnderTest();
    const code = await administrationOf(fresh).issueSetUpCode();
    const { id } = (await fresh.post('/v1/setup', { code, ...somebody(), fullName: 'Ada Lovelace' })).json();
    expect(await publishedProfilesOf(fresh.database, id)).toEqual([{ userId: id, name: 'Ada Lovelace', version: 1 }]);
  });
});

describe('a name that changes is published', () => {
  test('when its person changes it, with the version of the account; the login counts where there is no full name', async () => {
    const draft = named();
    const { login } = draft;
    const person = await people.loggedIn(draft);
    await changeOwn(person, { fullName: 'Ada King' });
    await changeOwn(person, { login: `${login}x` });
    await changeOwn(person, { fullName: null });
    await changeOwn(person, { login: null });
    expect(await told(person)).toEqual([
      { userId: person.id, name: login, version: 2 },
      { userId: person.id, name: 'Ada King', version: 3 },
      { userId: person.id, name: `${login}x`, version: 5 },
      { userId: person.id, name: null, version: 6 },
    ]);
  });

  test('when an administrator does, that of a blocked account too', async () => {
    const person = await people.active();
    await change(person, { fullName: 'Ada King', email: somebody().email });
    await administer(person, 'block');
    await change(person, { fullName: 'Ada Lovelace' });
    expect((await told(person)).map(({ name }) => name)).toEqual([null, 'Ada King', 'Ada Lovelace']);
  });

  test('and nothing else: number, address, password, roles, a block and its end, an appointment', async () => {
    const person = await people.loggedIn(named({ fullName: 'Ada Lovelace' }));
    const before = await told(person);
    const links = linksOf(users);
    await changeOwn(person, { phone: '+4930901820', fullName: ' Ada Lovelace ' });
    const { email } = somebody();
    await changeOwn(person, { email });
    await users.post('/v1/email-confirmations', { token: await links.tokenFor(email) });
    await links.confirm(await links.reset(email), 'another pass phrase');
    await administer(person, 'roles', { roles: ['user', 'admin'] });
    await administer(person, 'block');
    await administer(person, 'unblock');
    await administrationOf(users).makeAdministrator(email, undefined);
    await administrationOf(users).unprotect(email);
    expect((await stored(email)).version).toBeGreaterThan(6);
    expect(before).toHaveLength(1);
    expect(await told(person)).toEqual(before);
  });

  test('not when the change is refused', async () => {
    const [other, person] = [await people.active(named()), await people.loggedIn()];
    const { login } = await stored(other.email);
    expect((await changeOwn(person, { login })).json()).toMatchObject({ code: 'login_taken' });
    expect(await told(person)).toHaveLength(1);
  });
});

test('not of a pending account, whatever is done to it, until it is active', async () => {
  const person = await users.registered(named());
  await change(person, { fullName: 'Ada King' });
  await administer(person, 'block');
  await change(person, { fullName: 'Ada Lovelace' });
  await administer(person, 'unblock');
  await users.resend(person);
  expect(await told(person)).toEqual([]);
  expect((await users.activate(person, await users.codeOf(person))).statusCode).toBe(200);
  const { version } = await stored(person.email);
  expect(await told(person)).toEqual([{ userId: person.id, name: 'Ada Lovelace', version }]);
});
