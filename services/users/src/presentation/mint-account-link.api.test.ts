import { randomBytes, randomUUID } from 'node:crypto';
import { serviceCredential } from '@stoa/auth';
import { createKeys } from '@stoa/service';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linksOf } from '../testing/links.ts';
import { peopleOf } from '../testing/people.ts';
import { tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

const HOUR = 3_600_000;
let users: UsersUnderTest;
let links: ReturnType<typeof linksOf>;
beforeAll(async () => {
  users = await usersUnderTest();
  links = linksOf(users);
});
afterAll(() => users[Symbol.asyncDispose]());

const gone = { status: 410, code: 'account_link_gone' };
/** A person who has asked for a new password, and whose mail is yet to leave. */
async function asking() {
  const person = await peopleOf(users).active();
  await links.askForReset(person.email);
  const [request] = await links.requests(person.email);
  return { ...person, requestId: request?.requestId as string };
}
const block = (id: string, status: 'blocked' | 'active') =>
  users.database.query.updateTable('users').set({ status }).where('id', '=', id).execute();

describe('the token of a link', () => {
  test('has 43 characters of base64url and lives 30 minutes', async () => {
    const { requestId } = await asking();
    const answer = await links.mint(requestId);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ token: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/), expiresInSeconds: 1_800 });
  });

  test('asked for again is the same, with a new life', async () => {
    const { requestId, password } = await asking();
    const { token } = (await links.mint(requestId)).json();
    users.clock.advance(1_799_000);
    expect((await links.mint(requestId)).json().token).toBe(token);
    users.clock.advance(1_799_999);
    expect((await links.confirm(token, `new ${password}`)).statusCode).toBe(204);
  });

  test('asked for by twenty at the same time is one', async () => {
    const { requestId } = await asking();
    const answers = await times(20, () => links.mint(requestId));
    expect(tally(answers)).toEqual({ '200': 20 });
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
  });

  test('is stored as a digest alone', async () => {
    const { requestId } = await asking();
    const { token } = (await links.mint(requestId)).json();
    const row = await users.database.query.selectFrom('account_links').selectAll().where('id', '=', requestId).executeTakeFirstOrThrow();
    expect(row.digest).toHaveLength(32);
    expect(JSON.stringify(row)).not.toContain(token);
  });

  test('is not made for a link that was used, or was made void by another one', async () => {
    const { email, password, requestId } = await asking();
    await links.askForReset(email);
    const other = (await links.requests(email))[1]?.requestId as string;
    const { token } = (await links.mint(requestId)).json();
    expect((await links.confirm(token, `new ${password}`)).statusCode).toBe(204);
    expect((await links.mint(requestId)).json()).toMatchObject(gone);
    expect((await links.mint(other)).json()).toMatchObject(gone);
  });

  test('is not made for an account that is blocked or gone, nor for a request that never was', async () => {
    const { id, requestId } = await asking();
    await block(id, 'blocked');
    expect((await links.mint(requestId)).json()).toMatchObject(gone);
    await block(id, 'active');
    expect((await links.mint(requestId)).statusCode).toBe(200);
    await users.database.query.deleteFrom('users').where('id', '=', id).execute();
    expect((await links.mint(requestId)).json()).toMatchObject(gone);
    expect((await links.mint(randomUUID())).json()).toMatchObject(gone);
  });

  test('is not made a day after the request', async () => {
    const [inTime, late] = [await asking(), await asking()];
    users.clock.advance(24 * HOUR - 1);
    expect((await links.mint(inTime.requestId)).statusCode).toBe(200);
    users.clock.advance(1);
    expect((await links.mint(late.requestId)).json()).toMatchObject(gone);
    expect((await links.mint(inTime.requestId)).json()).toMatchObject(gone);
  });

  test('is for services of Stoa itself alone, and for the id of a request', async () => {
    const { requestId } = await asking();
    const { accessToken } = await peopleOf(users).loggedIn();
    const otherKeys = createKeys(randomBytes(32).toString('base64'));
    for (const authorization of ['', `Bearer ${accessToken}`, 'Service mailer.', serviceCredential(otherKeys, 'mailer')]) {
      const answer = await users.post('/internal/account-links', { requestId }, { authorization });
      expect(answer.json()).toMatchObject({ status: 401, code: 'service_credential_invalid' });
    }
    expect((await links.mint('1; drop table users')).json()).toMatchObject({ status: 400, errors: [{ path: '/requestId' }] });
  });
});
