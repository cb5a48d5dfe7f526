import { randomUUID } from 'node:crypto';
import { createMemoryRateLimiter } from '@stoa/http';
import { rateLimiterContract } from '@stoa/http/testing';
import { createLog, systemClock } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectRedis, createRedisRateLimiter } from './index.ts';
import { failOver, type RedisServer, startRedisServer } from './testing/index.ts';

const policy = { name: 'tries', limit: 3, windowSeconds: 3_600 };
const ends: (() => PromiseLike<void>)[] = [];
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});

/** One process's limiter, on a connection of its own. */
async function limiterAt(url: string) {
  const lines: string[] = [];
  const log = createLog({ destination: { write: (line) => void lines.push(line) } });
  const redis = connectRedis({ url, log });
  ends.push(() => redis.close());
  await redis.ready();
  const limiter = createRedisRateLimiter(redis, { fallback: createMemoryRateLimiter(systemClock), log });
  const consume = async (key: string) => await limiter.consume(policy, key);
  const said = () => lines.map((line) => JSON.parse(line).msg as string).filter((message) => message.startsWith('limits'));
  return { redis, limiter, consume, said };
}

const SHARED = 'redis://127.0.0.1:6379';

rateLimiterContract('Redis', async () => {
  const [one, other] = [await limiterAt(SHARED), await limiterAt(SHARED)];
  const until = async (time: number) =>
    await eventually(async () => {
      const [seconds, micros] = await one.redis.client.time();
      expect(Number(seconds) * 1_000 + Number(micros) / 1_000).toBeGreaterThanOrEqual(time);
    });
  return { limiters: [one.limiter, other.limiter], until };
});

describe('in Redis', () => {
  test('keys reveal no caller, and expire with their window', async () => {
    const { redis, limiter } = await limiterAt(SHARED);
    const secret = `192.0.2.1 ada-${randomUUID()}@example.com`;
    const own = { ...policy, name: `p${randomUUID()}` };
    await limiter.reserve(own, secret, 1_000);
    const keys = await redis.client.keys(`stoa:limit:*${own.name}*`);
    expect(keys).toHaveLength(2);
    for (const key of keys) {
      expect(key).not.toMatch(/ada|192\.0/);
      const left = await redis.client.pttl(key);
      expect(left).toBeGreaterThan(3_000_000);
      expect(left).toBeLessThanOrEqual(3_600_000);
    }
    await redis.client.del(...keys);
  });

  test('scripts that Redis has forgotten are sent again', async () => {
    const server = await startRedisServer();
    ends.push(() => server[Symbol.asyncDispose]());
    const { redis, consume, said } = await limiterAt(server.url);
    await consume('a');
    await redis.client.script('FLUSH');
    expect(await consume('a')).toMatchObject({ allowed: true, remaining: 1 });
    expect(said()).toEqual([]);
  });
});

describe('while Redis is away', () => {
  let server: RedisServer;
  let successor: RedisServer;
  beforeAll(async () => {
    [server, successor] = await Promise.all([startRedisServer(), startRedisServer()]);
    ends.push(
      () => server[Symbol.asyncDispose](),
      () => successor[Symbol.asyncDispose](),
    );
  });

  const breaks = {
    stopped: { begin: () => server.stop(), end: () => server.start() },
    killed: { begin: () => server.kill(), end: () => server.start() },
    frozen: { begin: async () => server.freeze(), end: async () => server.thaw() },
    'a replica since a failover': { begin: () => failOver(server, successor), end: () => server.lead() },
  };

  test.each(['stopped', 'killed', 'frozen', 'a replica since a failover'] as const)(
    '%s: each process counts for itself, and together again when it is back',
    async (how) => {
      const [one, other] = [await limiterAt(server.url), await limiterAt(server.url)];
      const [key, away] = [randomUUID(), randomUUID()];
      for (let n = 0; n < 3; n += 1) await one.consume(key);
      expect((await other.consume(key)).allowed).toBe(false);

      await breaks[how].begin();
      for (const { consume } of [one, other]) {
        const states = [await consume(away), await consume(away), await consume(away), await consume(away)];
        expect(states.map(({ allowed }) => allowed)).toEqual([true, true, true, false]);
      }
      for (const { redis } of [one, other]) await eventually(() => expect(redis.health().ok).toBe(false));
      await breaks[how].end();

      for (const { redis } of [one, other]) await eventually(() => expect(redis.health().ok).toBe(true));
      const fresh = randomUUID();
      const states = await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? one : other).consume(fresh)));
      expect(states.filter(({ allowed }) => allowed)).toHaveLength(3);
      for (const { said } of [one, other]) {
        expect(said()).toEqual(['limits are counted per process: Redis is away', 'limits hold over all processes again']);
      }
    },
  );

  test('a place is given back where it was taken; one that cannot be given back stays taken, and nothing fails', async () => {
    const { limiter, redis, consume } = await limiterAt(server.url);
    const key = randomUUID();
    const [inRedis, second] = [await limiter.reserve(policy, key, 60_000), await limiter.reserve(policy, key, 60_000)];
    server.freeze();
    // What is sent into the silence may yet be counted: the key of nobody.
    await consume(randomUUID());
    await eventually(() => expect(redis.health().ok).toBe(false));
    const here = await limiter.reserve(policy, key, 60_000);
    expect(here).toMatchObject({ allowed: true, remaining: 2 });
    await limiter.refund(policy, key, inRedis);
    await limiter.confirm(policy, key, second);
    const more = await limiter.reserve(policy, key, 60_000);
    expect(more.remaining, 'nothing came back here').toBe(1);
    await limiter.refund(policy, key, more);
    expect((await limiter.consume(policy, key)).remaining, 'what was taken here comes back here').toBe(1);
    server.thaw();
    await eventually(() => expect(redis.health().ok).toBe(true));
    await limiter.refund(policy, key, here);
    expect(await consume(key), 'nor there').toMatchObject({ allowed: true, remaining: 0 });
  });
});
