import { afterAll, beforeAll, expect, test } from 'vitest';
import { basic, somebody, tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

const MINUTE = 60_000;
let users: UsersUnderTest;
beforeAll(async () => {
  users = await usersUnderTest();
});
afterAll(() => users[Symbol.asyncDispose]());

test('another code is announced, audited, and answered 202 without a body', async () => {
  const person = somebody();
  const { id } = (await users.register(person)).json();
  const answer = await users.resend(person);
  expect([answer.statusCode, answer.body]).toEqual([202, '']);
  expect(await users.requestsOf(person)).toHaveLength(2);
  expect((await users.audit(id)).map(({ action, actor }) => [action, actor])).toContainEqual(['activation-code-requested', `user:${id}`]);
});

test('the earlier code counts until the mail with the newer one leaves', async () => {
  const person = await users.registered();
  await users.resend(person);
  const newer = await users.codeOf(person);
  if (newer !== person.code) expect((await users.activate(person, person.code)).json()).toMatchObject({ code: 'code_invalid' });
  expect((await users.activate(person, newer)).statusCode).toBe(200);

  const hasty = await users.registered();
  await users.resend(hasty);
  expect((await users.activate(hasty, hasty.code)).statusCode).toBe(200);
});

test('four an hour, the registration being the first of five; then Retry-After says when', async () => {
  const person = somebody();
  await users.register(person);
  users.clock.advance(10 * MINUTE);
  for (let resends = 0; resends < 4; resends += 1) expect((await users.resend(person)).statusCode).toBe(202);
  const refused = await users.resend(person);
  expect(refused.json()).toMatchObject({ status: 429, code: 'code_budget_spent' });
  expect(refused.headers['retry-after']).toBe('3000');
  users.clock.advance(50 * MINUTE - 1);
  expect((await users.resend(person)).statusCode).toBe(429);
  users.clock.advance(1);
  expect((await users.resend(person)).statusCode).toBe(202);
});

test('ten a day', async () => {
  const person = somebody();
  await users.register(person);
  for (let resends = 0; resends < 9; resends += 1) {
    users.clock.advance(61 * MINUTE);
    expect((await users.resend(person)).statusCode).toBe(202);
  }
  users.clock.advance(61 * MINUTE);
  const refused = await users.resend(person);
  expect(refused.statusCode).toBe(429);
  expect(refused.headers['retry-after']).toBe(String((24 * 60 - 10 * 61) * 60));
});

test('twenty at the same time: four get a code, and four events go out', async () => {
  const person = somebody();
  await users.register(person);
  expect(tally(await times(20, () => users.resend(person)))).toEqual({ '202': 4, '429 code_budget_spent': 16 });
  expect(await users.requestsOf(person)).toHaveLength(5);
});

test('a body is not needed; one that says something is refused', async () => {
  const person = somebody();
  await users.register(person);
  const send = (body: unknown) => users.post('/v1/users/activation/code', body, { authorization: basic(person) });
  expect((await send({})).statusCode).toBe(202);
  expect((await send({ email: 'eve@example.com' })).json()).toMatchObject({ status: 400, errors: [{ path: '/email' }] });
});

test('an active account needs none', async () => {
  const person = await users.registered();
  await users.activate(person, person.code);
  expect((await users.resend(person)).json()).toMatchObject({ status: 409, code: 'already_active' });
});
