import { serviceCredential } from '@stoa/auth';
import { createMemoryRateLimiter } from '@stoa/http';
import { connectRedis, createRedisRateLimiter } from '@stoa/redis';
import { failOver, type RedisServer, startRedisServer } from '@stoa/redis/testing';
import { createLog, systemClock } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { basic, type Person, somebody, tally, times, type UsersUnderTest, usersUnderTest, wrong } from './testing/users-under-test.ts';

/** Two copies of the service on one database and one Redis, each with connections of its own, as two processes have. */
let server: RedisServer;
/** What takes its place in a failover. */
let successor: RedisServer;
let users: UsersUnderTest;
let copies: readonly Pick<UsersUnderTest, 'http'>[];
const ends: (() => PromiseLike<void>)[] = [];

const log = createLog({ level: 'silent' });

async function shared() {
  const redis = connectRedis({ url: server.url, log });
  ends.push(() => redis.close());
  await redis.ready();
  return { redis, limiter: createRedisRateLimiter(redis, { fallback: createMemoryRateLimiter(systemClock), log }) };
}

beforeAll(async () => {
  [server, successor] = await Promise.all([startRedisServer(), startRedisServer()]);
  ends.push(
    () => server[Symbol.asyncDispose](),
    () => successor[Symbol.asyncDispose](),
  );
  users = await usersUnderTest({ REGISTRATIONS_PER_HOUR: '0', RESENDS_PER_HOUR: '4' }, await shared());
  ends.push(() => users[Symbol.asyncDispose]());
  const other = await users.another(await shared());
  ends.push(() => other.stop());
  copies = [users, other];
});
beforeEach(async () => {
  const { redis } = await shared();
  await redis.client.flushall();
});
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});

const post = async (copy: number, url: string, payload?: object, headers: Record<string, string> = {}) => {
  const { http } = copies[copy % copies.length] as Pick<UsersUnderTest, 'http'>;
  return await http.inject({ method: 'POST', url, headers, ...(payload && { payload }) });
};
const activate = (copy: number, person: Person, code: string) =>
  post(copy, '/v1/users/activation', { code }, { authorization: basic(person) });
const resend = (copy: number, person: Person) => post(copy, '/v1/users/activation/code', undefined, { authorization: basic(person) });
const mint = (copy: number, requestId: string) =>
  post(copy, '/internal/activation-codes', { requestId }, { authorization: serviceCredential(users.derive, 'mailer') });

describe('over two copies', () => {
  test('one of twenty identical registrations is made, the others are refused', async () => {
    const person = { ...somebody(), login: 'over_two_redis_copies', phone: '+49 30 888888' };
    expect(tally(await times(20, (index) => post(index, '/v1/users', person)))).toEqual({ '201': 1, '409 email_taken': 19 });
    expect(await users.requestsOf(person)).toHaveLength(1);
  });

  test('a limit holds exactly', async () => {
    const person = await users.registered();
    const requests = await times(20, (index) => resend(index, index < 2 ? person : somebody()));
    expect(tally(requests)['202']).toBe(2);
    const people = await times(8, () => users.registered());
    expect(tally(await Promise.all(people.map((somebodyElse, index) => resend(index, somebodyElse))))).toEqual({
      '202': 2,
      '429 rate_limited': 6,
    });
  });

  test('being many is no failure: a hundred at a time that are right are all admitted', async () => {
    const people = await times(100, () => users.registered());
    const activated = await Promise.all(people.map((person, index) => activate(index, person, person.code)));
    expect(tally(activated)).toEqual({ '200': 100 });
  });

  test('a hundred wrong passwords are sixty failures of a client IP, thirty for one account ten', async () => {
    expect(tally(await times(100, (index) => activate(index, somebody(), '0000')))).toEqual({
      '401 invalid_credentials': 60,
      '429 rate_limited': 40,
    });
    const { redis } = await shared();
    await redis.client.flushall();
    const stranger = { ...(await users.registered()), password: 'something else' };
    expect(tally(await times(30, (index) => activate(index, stranger, '0000')))).toEqual({
      '401 invalid_credentials': 10,
      '429 too_many_attempts': 20,
    });
  });

  test('a code has three tries, wherever they are made; minted again it is the same, and has none more', async () => {
    const person = await users.registered();
    expect(tally(await times(20, (index) => activate(index, person, wrong(person.code))))).toEqual({
      '400 code_invalid': 3,
      '429 code_attempts_exhausted': 17,
    });
    const [requestId = ''] = await users.requestsOf(person);
    const minted = await times(20, (index) => mint(index, requestId));
    expect(new Set(minted.map((answer) => answer.json().code))).toEqual(new Set([person.code]));
    expect((await activate(1, person, person.code)).json().code).toBe('code_attempts_exhausted');
  });

  test('one of twenty that send the right code activates', async () => {
    const person = await users.registered();
    const { 200: activated, ...others } = tally(await times(20, (index) => activate(index, person, person.code)));
    expect(activated).toBe(1);
    for (const outcome of Object.keys(others)) expect(['409 already_active', '429 code_attempts_exhausted']).toContain(outcome);
    expect((await users.audit(person.id)).filter(({ action }) => action === 'user-activated')).toHaveLength(1);
  });
});

describe('while Redis is away', () => {
  const breaks = {
    killed: { begin: () => server.kill(), end: () => server.start() },
    'a replica since a failover': { begin: () => failOver(server, successor), end: () => server.lead() },
  };

  test.each(['killed', 'a replica since a failover'] as const)(
    '%s: codes are refused with 503 and Retry-After, all else goes on, and the copy stays ready; codes work again when it is back',
    async (how) => {
      const person = await users.registered();
      await breaks[how].begin();
      await eventually(async () => expect((await mint(0, (await users.requestsOf(person)).at(-1) ?? '')).statusCode).toBe(503));
      const refused = [await activate(1, person, person.code), await mint(1, (await users.requestsOf(person)).at(-1) ?? '')];
      expect(refused.map((answer) => [answer.statusCode, answer.json().code, answer.headers['retry-after']])).toEqual([
        [503, 'codes_unavailable', '2'],
        [503, 'codes_unavailable', '2'],
      ]);
      expect((await post(0, '/v1/users', somebody())).statusCode).toBe(201);
      expect((await resend(1, person)).statusCode).toBe(202);
      expect((await activate(1, somebody(), '0000')).json().code, 'and is counted').toBe('invalid_credentials');
      expect((await users.http.inject('/health/ready')).statusCode).toBe(200);

      await breaks[how].end();
      const [requestId = ''] = (await users.requestsOf(person)).slice(-1);
      for (const copy of [0, 1]) await eventually(async () => expect((await mint(copy, requestId)).statusCode).toBe(200));
      const { code } = (await mint(0, requestId)).json();
      expect((await activate(1, person, code)).statusCode).toBe(200);
    },
  );
});
