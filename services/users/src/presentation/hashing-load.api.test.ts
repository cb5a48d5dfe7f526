import { availableParallelism } from 'node:os';
import { eventually } from '@stoa/service/testing';
import { expect, test } from 'vitest';
import { somebody, tally, times, usersUnderTest } from '../testing/users-under-test.ts';

const cores = availableParallelism();

test('identical registrations cost one hash: nineteen do not even wait for one', async () => {
  await using users = await usersUnderTest({ HASH_QUEUE_MAX: '0' }, { bcryptCost: 10 });
  const person = { ...somebody(), login: 'only_once' };
  expect(tally(await times(20, () => users.register(person)))).toEqual({ '201': 1, '409 email_taken': 19 });
});

test('a registration beyond the queue is answered 503 with a time to retry; nothing of it is stored', async () => {
  await using users = await usersUnderTest({ HASH_QUEUE_MAX: '1' }, { bcryptCost: 11 });
  const people = Array.from({ length: cores + 2 }, somebody);
  const answers = await Promise.all(people.map((person) => users.register(person)));
  expect(tally(answers)).toEqual({ '201': cores + 1, '503 hashing_busy': 1 });
  const refused = answers.findIndex(({ statusCode }) => statusCode === 503);
  expect(answers[refused]?.headers['retry-after']).toBe('5');
  expect((await users.register(people[refused] as object)).statusCode).toBe(201);
});

test('a client that hangs up leaves the queue, and no account behind', async () => {
  await using users = await usersUnderTest({}, { bcryptCost: 12 });
  const url = await users.http.listen({ port: 0 });
  const register = (body: object, signal?: AbortSignal) =>
    fetch(`${url}/v1/users`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: signal ?? null,
    });
  const passwords = async (state: 'hashing' | 'waiting') => {
    const gauge = await users.metrics.getSingleMetric('users_passwords')?.get();
    return gauge?.values.find(({ labels }) => labels['state'] === state)?.value;
  };

  const hashing = Array.from({ length: cores }, () => register(somebody()));
  await eventually(async () => expect(await passwords('hashing')).toBe(cores), { intervalMs: 5 });
  const [person, client] = [somebody(), new AbortController()];
  const hungUp = expect(register(person, client.signal)).rejects.toThrow();
  await eventually(async () => expect(await passwords('waiting')).toBe(1), { intervalMs: 5 });
  client.abort();
  await hungUp;
  await eventually(async () => expect(await passwords('waiting')).toBe(0), { intervalMs: 5 });
  for (const answer of await Promise.all(hashing)) expect(answer.status).toBe(201);
  expect((await users.register(person)).statusCode).toBe(201);
});
