import { randomBytes, randomUUID } from 'node:crypto';
import { serviceCredential } from '@stoa/auth';
import { createKeys } from '@stoa/service';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { basic, somebody, tally, times, type UsersUnderTest, usersUnderTest, wrong } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
beforeAll(async () => {
  users = await usersUnderTest();
});
afterAll(() => users[Symbol.asyncDispose]());

const requestOf = async (person = somebody()) => {
  await users.register(person);
  return { person, requestId: (await users.requestsOf(person))[0] as string };
};
const gone = { status: 410, code: 'activation_request_gone' };

describe('minting', () => {
  test('gives four digits that live a minute', async () => {
    const { requestId } = await requestOf();
    const answer = await users.mint(requestId);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ code: expect.stringMatching(/^\d{4}$/), expiresInSeconds: 60 });
  });

  test('again gives the same code and a new minute, but no new tries', async () => {
    const { person, requestId } = await requestOf();
    const { code } = (await users.mint(requestId)).json();
    await times(2, () => users.activate(person, wrong(code)));
    users.clock.advance(59_000);
    expect((await users.mint(requestId)).json().code).toBe(code);
    users.clock.advance(59_000);
    expect((await users.activate(person, wrong(code))).json().code).toBe('code_invalid');
    await users.mint(requestId);
    expect((await users.activate(person, code)).json().code).toBe('code_attempts_exhausted');
  });

  test('twenty at the same time give one code', async () => {
    const { requestId } = await requestOf();
    const answers = await times(20, () => users.mint(requestId));
    expect(tally(answers)).toEqual({ '200': 20 });
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
  });

  test('is over for a request that a newer one has replaced', async () => {
    const { person, requestId } = await requestOf();
    await users.resend(person);
    expect((await users.mint(requestId)).json()).toMatchObject(gone);
    expect((await users.mint((await users.requestsOf(person))[1] as string)).statusCode).toBe(200);
  });

  test('is over for an account that is active, or removed, and for a request that never was', async () => {
    const { person, requestId } = await requestOf();
    await users.activate(person, (await users.mint(requestId)).json().code);
    expect((await users.mint(requestId)).json()).toMatchObject(gone);
    const removed = await requestOf();
    await users.database.query.deleteFrom('users').where('email', '=', removed.person.email).execute();
    expect((await users.mint(removed.requestId)).json()).toMatchObject(gone);
    expect((await users.mint(randomUUID())).json()).toMatchObject(gone);
  });

  test('is over after 15 minutes', async () => {
    const [inTime, late] = [await requestOf(), await requestOf()];
    users.clock.advance(15 * 60_000 - 1);
    expect((await users.mint(inTime.requestId)).statusCode).toBe(200);
    users.clock.advance(1);
    expect((await users.mint(late.requestId)).json()).toMatchObject(gone);
  });

  test('is for services of Stoa itself alone', async () => {
    const { person, requestId } = await requestOf();
    const otherKeys = createKeys(randomBytes(32).toString('base64'));
    for (const authorization of ['', basic(person), 'Service mailer.', serviceCredential(otherKeys, 'mailer')]) {
      const answer = await users.post('/internal/activation-codes', { requestId }, { authorization });
      expect(answer.json()).toMatchObject({ status: 401, code: 'service_credential_invalid' });
      expect(answer.headers['www-authenticate']).toBe('Service realm="stoa"');
    }
  });

  test('wants the id of a request', async () => {
    expect((await users.mint('1; drop table users')).json()).toMatchObject({ status: 400, errors: [{ path: '/requestId' }] });
  });
});
