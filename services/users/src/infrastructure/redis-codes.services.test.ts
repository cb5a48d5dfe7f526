import { randomBytes, randomUUID } from 'node:crypto';
import { connectRedis, type RedisConnection } from '@stoa/redis';
import { startRedisServer } from '@stoa/redis/testing';
import { createLog } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { afterAll, expect, test } from 'vitest';
import type { Codes } from '../application/credential-ports.ts';
import { codesContract } from './codes-contract.ts';
import { createRedisCodes } from './redis-codes.ts';

const HOUR_MS = 3_600_000;
const log = createLog({ level: 'silent' });
const ends: (() => PromiseLike<void>)[] = [];
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});

async function connect(url = 'redis://127.0.0.1:6379'): Promise<RedisConnection> {
  const redis = connectRedis({ url, log });
  ends.push(() => redis.close());
  await redis.ready();
  return redis;
}

const code = () => ({
  userId: randomUUID(),
  requestId: randomUUID(),
  requestNumber: 1,
  digest: randomBytes(32),
  expiresAt: new Date(Date.now() + 60_000),
});

codesContract('Redis, over two connections', async () => {
  const copies = [await connect(), await connect()].map((redis) => createRedisCodes(redis, { keptMs: HOUR_MS }));
  let turn = 0;
  const next = () => copies[turn++ % 2] as Codes;
  const codes: Codes = { keep: (kept) => next().keep(kept), attempt: (userId, now) => next().attempt(userId, now) };
  return { codes, newAccount: async () => randomUUID() };
});

test('a code is forgotten by itself, long after it has expired', async () => {
  const redis = await connect();
  const { userId, ...rest } = code();
  await createRedisCodes(redis, { keptMs: HOUR_MS }).keep({ userId, ...rest });
  const left = await redis.client.pttl(`stoa:code:${userId}`);
  expect(left).toBeGreaterThan(HOUR_MS - 600_000);
  expect(left).toBeLessThanOrEqual(HOUR_MS);
});

test('without Redis nothing is kept and nothing tried; both work again when it is back', async () => {
  const server = await startRedisServer();
  ends.push(() => server[Symbol.asyncDispose]());
  const codes = createRedisCodes(await connect(server.url), { keptMs: HOUR_MS });
  const kept = code();
  const unavailable = { kind: 'unavailable', code: 'codes_unavailable', retryAfterSeconds: 2 };
  for (const begin of [server.stop, server.kill, async () => server.freeze()]) {
    await eventually(async () => expect(await codes.keep(kept)).toBe(true));
    await begin();
    await expect(codes.attempt(kept.userId, new Date())).rejects.toMatchObject(unavailable);
    await expect(codes.keep(kept)).rejects.toMatchObject(unavailable);
    await server.kill();
    await server.start();
    const none = async () => expect(await codes.attempt(kept.userId, new Date())).toEqual({ state: 'none' });
    await eventually(none);
  }
});
