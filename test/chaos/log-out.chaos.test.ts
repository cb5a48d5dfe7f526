import { eventually } from '@stoa/service/testing';
import { expect, test } from 'vitest';
import { activate, latestMail, logIn, register, somebody } from '../e2e/client.ts';
import type { Pod } from './pod.ts';
import { useSystem } from './scenario.ts';
import type { System } from './system.ts';

const system = useSystem();
/** The promise of the product. */
const LIMIT_MS = 1_000;
const ROUNDS = 3;

/** A way to find out whether a process still accepts a token. */
interface Guard {
  readonly pod: Pod;
  readonly path: string;
}

/** Every process that accepts tokens; for the mailer this one is valid but may read no mails: 403, and 401 once it has ended. */
const guardsOf = ({ gateways, podsOf }: System): readonly Guard[] => [
  ...[...gateways, ...podsOf('users', 'api')].map((pod) => ({ pod, path: '/v1/sessions' })),
  ...podsOf('mailer', 'all').map((pod) => ({ pod, path: '/v1/mails' })),
];

const ask = async ({ pod, path }: Guard, token: string, method = 'GET'): Promise<number> => {
  const answer = await fetch(`${pod.url}${path}`, { method, headers: { authorization: `Bearer ${token}` } });
  await answer.arrayBuffer();
  return answer.status;
};

async function loggedIn({ gateways }: System): Promise<string> {
  const person = somebody();
  const url = gateways[0]?.url as string;
  expect((await register(url, person)).status).toBe(201);
  const { code } = await latestMail(url, person.email);
  expect((await activate(url, person, code as string)).status).toBe(200);
  const answer = await logIn(url, person);
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { accessToken: string }).accessToken;
}

/** Logs out at one process and asks all of them until they refuse. @returns how long the last one took, from the answer. */
async function logOutAndMeasure(token: string, at: Guard, guards: readonly Guard[]): Promise<number> {
  // A process that has just come back asks the identity feed first.
  await eventually(async () => expect(await Promise.all(guards.map((guard) => ask(guard, token)))).not.toContain(503));
  for (const guard of guards) expect(await ask(guard, token), guard.pod.name).toBe(guard.path === '/v1/mails' ? 403 : 200);
  expect(await ask({ pod: at.pod, path: '/v1/sessions/current' }, token, 'DELETE')).toBe(204);
  const answered = performance.now();
  const refusedAfter = guards.map(async (guard) => {
    await eventually(async () => expect(await ask(guard, token), guard.pod.name).toBe(401), { intervalMs: 20 });
    return performance.now() - answered;
  });
  return Math.max(...(await Promise.all(refusedAfter)));
}

/** `between` happens when all have logged in, and before the first logs out. */
async function measureAtEach(title: string, between: () => Promise<unknown>): Promise<void> {
  const guards = guardsOf(system());
  const places = Array.from({ length: ROUNDS }, () => guards.filter(({ path }) => path === '/v1/sessions')).flat();
  const tokens: string[] = [];
  for (const _ of places) tokens.push(await eventually(() => loggedIn(system()), { timeoutMs: 60_000 }));
  await between();
  const takenMs: number[] = [];
  for (const [index, at] of places.entries()) takenMs.push(await logOutAndMeasure(tokens[index] as string, at, guards));
  takenMs.sort((one, other) => one - other);
  const worst = takenMs.at(-1) as number;
  console.log(`| log-out, ${title} | ${takenMs.length} | median ${median(takenMs).toFixed(0)} ms | worst ${worst.toFixed(0)} ms |`);
  expect(worst).toBeLessThan(LIMIT_MS);
}

const median = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)] as number;

test('a log-out at one process is refused at every other within a second', async () => {
  await measureAtEach('nothing else happens', async () => {});
});

test('also after users was restarted', async () => {
  await measureAtEach('users was restarted', async () => {
    for (const pod of system().podsOf('users', 'api')) {
      await pod.terminate();
      await pod.start();
    }
  });
});

test('also after users was killed', async () => {
  await measureAtEach('users was killed', async () => {
    await Promise.all(
      system()
        .podsOf('users', 'api')
        .map((pod) => pod.kill()),
    );
    await Promise.all(
      system()
        .podsOf('users', 'api')
        .map((pod) => pod.start()),
    );
  });
});

test('also while Redis is away, and when it was restarted', async () => {
  await measureAtEach('Redis is away', () => system().redis.stop());
  await system().redis.start();
  await measureAtEach('Redis was restarted', async () => {
    await system().redis.stop();
    await system().redis.start();
  });
});

test('a token that was logged out while a process was frozen is refused there as soon as the process runs again', async () => {
  const guards = guardsOf(system());
  const [first] = system().podsOf('users', 'api');
  const token = await loggedIn(system());
  const frozen = system().gateways[1] as Pod;
  expect(await ask({ pod: frozen, path: '/v1/sessions' }, token)).toBe(200);
  frozen.freeze();
  try {
    expect(await ask({ pod: first as Pod, path: '/v1/sessions/current' }, token, 'DELETE')).toBe(204);
  } finally {
    frozen.thaw();
  }
  const thawed = performance.now();
  for (const guard of guards) await eventually(async () => expect(await ask(guard, token), guard.pod.name).toBe(401), { intervalMs: 20 });
  expect(performance.now() - thawed).toBeLessThan(LIMIT_MS);
});
