import { loadConfig } from '@stoa/service';
import { expect, test } from 'vitest';
import { usersConfig } from '../config.ts';
import { linksOf } from '../testing/links.ts';
import { peopleOf } from '../testing/people.ts';
import { somebody, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

const HOUR = 3_600_000;

const cleanUp = (users: UsersUnderTest) => users.runJob('remove-expired-data');

test('an account that was not activated is removed a day after its last code, audited, and its address is free again', async () => {
  await using users = await usersUnderTest();
  const [late, resent] = [somebody(), somebody()];
  const active = await users.registered();
  await users.activate(active, active.code);
  const { id } = (await users.register(late)).json();
  await users.register(resent);
  users.clock.advance(HOUR);
  await users.resend(resent);

  users.clock.advance(23 * HOUR);
  await cleanUp(users);
  expect((await users.register(late)).statusCode).toBe(409);

  users.clock.advance(1);
  await cleanUp(users);
  expect((await users.audit(id)).map(({ action, actor }) => [action, actor])).toEqual([
    ['user-registered', 'anonymous'],
    ['pending-user-removed', 'system'],
  ]);
  expect((await users.activate(late, '1234')).json().code).toBe('invalid_credentials');
  expect((await users.register(late)).statusCode).toBe(201);
  for (const { email, password } of [resent, active]) expect((await users.register({ email, password })).statusCode).toBe(409);

  users.clock.advance(60_000);
  await cleanUp(users);
  expect(await users.database.query.selectFrom('activation_codes').select('user_id').execute()).toEqual([]);
});

test('PENDING_USER_TTL_HOURS says how long: a day or more, so that registering anew gives no more codes in a day', async () => {
  expect(() => loadConfig(usersConfig, { PENDING_USER_TTL_HOURS: '23' })).toThrow('PENDING_USER_TTL_HOURS');
  await using users = await usersUnderTest({ PENDING_USER_TTL_HOURS: '72' });
  const person = somebody();
  await users.register(person);
  users.clock.advance(72 * HOUR);
  await cleanUp(users);
  expect((await users.register(person)).statusCode).toBe(409);
  users.clock.advance(1);
  await cleanUp(users);
  expect((await users.register(person)).statusCode).toBe(201);
});

test('an account with a link stays as long as that may live, a day from when its mail left, and is then removed', async () => {
  await using users = await usersUnderTest();
  const links = linksOf(users);
  const [mailed, waiting] = [somebody(), somebody()];
  for (const person of [mailed, waiting]) {
    await users.register(person);
    await links.askForReset(person.email);
  }
  const [request] = await links.requests(mailed.email);
  users.clock.advance(23 * HOUR);
  await links.mint(request?.requestId as string);
  users.clock.advance(HOUR + 1);
  await cleanUp(users);
  expect((await users.register(waiting)).statusCode).toBe(201);
  expect((await users.register(mailed)).statusCode).toBe(409);
  users.clock.advance(23 * HOUR - 1);
  await cleanUp(users);
  expect((await users.register(mailed)).statusCode).toBe(409);
  users.clock.advance(1);
  await cleanUp(users);
  expect((await users.register(mailed)).statusCode).toBe(201);
});

test('links are forgotten a week after they were asked for', async () => {
  await using users = await usersUnderTest();
  const links = linksOf(users);
  const { email, password } = await peopleOf(users).active();
  const token = await links.reset(email);
  users.clock.advance(7 * 24 * HOUR);
  await cleanUp(users);
  expect((await links.confirm(token, `new ${password}`)).json().code).toBe('link_expired');
  users.clock.advance(1);
  await cleanUp(users);
  expect((await links.confirm(token, `new ${password}`)).json().code).toBe('link_invalid');
});
