import { createDatabase } from '@stoa/postgres';
import { createLog, createMetrics } from '@stoa/service';
import { eventually, startTcpProxy, type TcpProxy } from '@stoa/service/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { UsersTables } from './infrastructure/tables.ts';
import { somebody, tally, times, type UsersUnderTest, usersUnderTest } from './testing/users-under-test.ts';

/** For a free connection, and then for an answer on it. */
const LONGEST_MS = 11_000;
/** Orchestrators give up on a probe soon after. */
const LONGEST_PROBE_MS = 3_000;

const stack = new AsyncDisposableStack();
let users: UsersUnderTest;
/** Its way to the database is `network`. */
let copy: Pick<UsersUnderTest, 'http'>;
let network: TcpProxy;
beforeAll(async () => {
  users = stack.use(await usersUnderTest({ REGISTRATIONS_PER_HOUR: '0', RATE_LIMITS: 'off' }));
  network = await startTcpProxy(Number(new URL(users.url).port));
  stack.defer(() => network.close());
  const url = Object.assign(new URL(users.url), { port: `${network.port}` }).href;
  const database = createDatabase<UsersTables>({ url, name: 'copy', log: createLog({ level: 'silent' }), metrics: createMetrics() });
  stack.defer(() => database.close());
  const other = await users.another({ database });
  stack.defer(() => other.stop());
  copy = other;
});
beforeEach(() => network.heal());
afterAll(() => stack.disposeAsync());

const at = ({ http }: Pick<UsersUnderTest, 'http'>) => ({
  register: () => http.inject({ method: 'POST', url: '/v1/users', payload: somebody() }),
  logIn: () => http.inject({ method: 'POST', url: '/v1/sessions', payload: { identifier: somebody().email, password: 'something' } }),
  ready: () => http.inject('/health/ready'),
});

async function within<T>(ms: number, work: () => PromiseLike<T>): Promise<T> {
  const begin = performance.now();
  const result = await work();
  expect(performance.now() - begin, 'milliseconds').toBeLessThan(ms);
  return result;
}

/** Thirty requests at once, more than there are connections. */
const wave = () => {
  const { register, logIn } = at(copy);
  return times(30, (n) => within(LONGEST_MS, n % 2 === 0 ? register : logIn));
};
const WELL = { '201': 15, '401 invalid_credentials': 15 };

test('a copy whose database hangs refuses within seconds and is not ready; others go on; it recovers without help', async () => {
  expect(tally(await wave())).toEqual(WELL);
  network.freeze();
  const first = wave();
  const unready = await within(LONGEST_PROBE_MS, at(copy).ready);
  expect(unready.statusCode).toBe(503);
  expect(unready.json().parts).toContainEqual({ name: 'database', ok: false, detail: expect.stringMatching(/no answer|timeout/) });
  expect((await at(users).register()).statusCode).toBe(201);
  expect((await at(users).ready()).statusCode).toBe(200);
  // The second finds no connection that is open.
  for (const answers of [await first, await wave()]) {
    expect(tally(answers)).toEqual({ '503 database_unavailable': 30 });
    expect(new Set(answers.map(({ headers }) => headers['retry-after']))).toEqual(new Set(['2']));
  }
  network.heal();
  await eventually(async () => expect((await at(copy).ready()).statusCode).toBe(200));
  expect(tally(await wave())).toEqual(WELL);
});

test('connections that hang while new ones work are left behind without help, and only requests in progress are refused', async () => {
  await wave();
  network.hang();
  const answers = await wave();
  for (const outcome of Object.keys(tally(answers))) expect([...Object.keys(WELL), '503 database_unavailable']).toContain(outcome);
  expect(tally(await wave())).toEqual(WELL);
  expect((await at(copy).ready()).statusCode).toBe(200);
});
