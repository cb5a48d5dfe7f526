import { availableParallelism } from 'node:os';
import { hash } from 'bcrypt';
import { expect, test } from 'vitest';
import { register, somebody } from './client.ts';
import { dataFolder, startStoa } from './stoa-process.ts';

test('200 registrations at once, bcrypt 12: each gets 201 or 503 with Retry-After within 15 s, and the process stays responsive', async () => {
  await using folder = await dataFolder();
  const stoa = await startStoa({ dataDirectory: folder.path, env: { BCRYPT_COST: '12' } });
  const hashing = performance.now();
  await hash('pass phrase', 12);
  const oneHashMs = performance.now() - hashing;
  let isBusy = true;
  const begun = performance.now();
  const answers = Promise.all(
    Array.from({ length: 200 }, async () => {
      const answer = await register(stoa.url, somebody());
      return { status: answer.status, retryAfter: answer.headers.get('retry-after'), after: performance.now() - begun };
    }),
  ).finally(() => {
    isBusy = false;
  });
  const probes: number[] = [];
  while (isBusy) {
    const sent = performance.now();
    expect((await fetch(`${stoa.url}/health/live`)).status).toBe(200);
    probes.push(performance.now() - sent);
  }
  for (const { status, retryAfter, after } of await answers) {
    expect([201, 503]).toContain(status);
    if (status === 503) expect(Number(retryAfter)).toBeGreaterThan(0);
    expect(after).toBeLessThan(15_000);
  }
  // More than could begin at once: some of those that waited were served.
  expect((await answers).filter(({ status }) => status === 201).length).toBeGreaterThan(2 * availableParallelism());
  // If passwords were hashed on the event loop, each of these would have waited for many hashes.
  expect(probes.toSorted((one, other) => one - other)[Math.floor(probes.length * 0.95)]).toBeLessThan(oneHashMs);
  expect(await stoa.stop()).toBe(0);
});
