import { connectRedis } from '@stoa/redis';
import { startRedisServer } from '@stoa/redis/testing';
import { createLog, fakeClock, systemClock } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CachedGateway, startCachedGateway } from '../testing/cached-gateway.ts';
import { cacheStoreContract } from './cache-store-contract.ts';
import { createRedisStore } from './redis-store.ts';
import type { StoredAnswer } from './store.ts';

const log = createLog({ level: 'silent' });
const ends: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});

async function connect(url: string) {
  const redis = connectRedis({ url, log });
  ends.push(() => redis.close());
  await redis.ready();
  return redis;
}

// Its own: `clear` would end what other tests keep.
const server = await startRedisServer();
ends.push(async () => await server[Symbol.asyncDispose]());

cacheStoreContract('Redis', async (clock) => createRedisStore(await connect(server.url), clock));

const place = { key: 'one', tags: ['/v1/one'] };
const answerNow = (text: string) => ({
  madeAt: Date.now(),
  expiresAt: Date.now() + 60_000,
  headers: { etag: `"${text}"` },
  body: Buffer.from(text),
});

describe('one Redis of several copies', () => {
  test('gives what another keeps, until any of them invalidates it', async () => {
    const [one, other] = [
      createRedisStore(await connect(server.url), systemClock),
      createRedisStore(await connect(server.url), systemClock),
    ];
    const before = await other.find(place);
    (await one.find(place)).keep(answerNow('a'));
    await eventually(async () => expect((await other.find(place)).found).toMatchObject({ headers: { etag: '"a"' } }));
    other.invalidate(place.tags);
    await eventually(async () => expect((await one.find(place)).found).toBeUndefined());
    before.keep(answerNow('from before'));
    await other.find(place);
    expect((await one.find(place)).found).toBeUndefined();
  });

  test('gives it for no longer than it lasts, though the clock of another is behind', async () => {
    const behind = fakeClock(new Date(Date.now() - 30_000));
    const [one, other] = [createRedisStore(await connect(server.url), systemClock), createRedisStore(await connect(server.url), behind)];
    const late = { key: 'late', tags: ['/v1/late'] };
    (await one.find(late)).keep(answerNow('a'));
    await eventually(async () => expect((await other.find(late)).found).toBeDefined());
    const found = (await other.find(late)).found as StoredAnswer;
    const now = behind.now().getTime();
    expect(found.expiresAt - now).toBeLessThanOrEqual(60_000);
    expect(now - found.madeAt).toBeGreaterThanOrEqual(0);
  });

  test('forgets by itself what is too old, and what nobody keeps anything of', async () => {
    const redis = await connect(server.url);
    const store = createRedisStore(redis, systemClock);
    const path = { key: 'path', tags: ['/v1/path/:id', '/v1/path/:id\nid=1'] };
    (await store.find(path)).keep(answerNow('a'));
    const lives = async () => {
      const keys = await redis.client.keys('stoa:cache:*');
      return await Promise.all(keys.map((key) => redis.client.ttl(key)));
    };
    await eventually(async () => expect((await store.find(path)).found).toBeDefined());
    const bounded = (await lives()).filter((seconds) => seconds >= 0);
    expect(bounded.length).toBeGreaterThanOrEqual(2);
    for (const seconds of bounded) expect(seconds).toBeLessThanOrEqual(120);
  });

  test('that holds what is no entry is treated as empty', async () => {
    const redis = await connect(server.url);
    const store = createRedisStore(redis, systemClock);
    (await store.find(place)).keep(answerNow('a'));
    await eventually(async () => expect((await store.find(place)).found).toBeDefined());
    for (const key of await redis.client.keys('stoa:cache:entry:*')) await redis.client.set(key, 'nonsense');
    expect((await store.find(place)).found).toBeUndefined();
  });
});

describe('a Redis that goes away', () => {
  test('is treated as empty meanwhile, and gives nothing from before when an invalidation did not reach it', async () => {
    await using own = await startRedisServer();
    const redis = await connect(own.url);
    const store = createRedisStore(redis, systemClock);
    (await store.find(place)).keep(answerNow('a'));
    await eventually(async () => expect((await store.find(place)).found).toBeDefined());
    own.freeze();
    store.invalidate(place.tags);
    expect((await store.find(place)).found).toBeUndefined();
    own.thaw();
    await eventually(() => expect(redis.health().ok).toBe(true));
    await eventually(async () => {
      const { found, keep } = await store.find(place);
      expect(found).toBeUndefined();
      expect(keep(answerNow('b'))).toBe(true);
    });
    await eventually(async () => expect((await store.find(place)).found).toMatchObject({ headers: { etag: '"b"' } }));
  });
});

describe('two copies of the gateway', () => {
  let systems: CachedGateway[];
  beforeAll(async () => {
    await server.stop();
    await server.start();
    systems = [
      await startCachedGateway({ redis: await connect(server.url) }),
      await startCachedGateway({ redis: await connect(server.url) }),
    ];
  });
  afterAll(async () => {
    for (const system of systems) await system[Symbol.asyncDispose]();
  });
  const at = async (copy: number, path: string) => {
    const answer = await fetch(`${systems[copy]?.url}${path}`);
    return { body: await answer.text(), status: answer.headers.get('cache-status') };
  };

  test('fetch once, also for what varies; each service of its own would answer differently', async () => {
    for (const [copy, system] of systems.entries()) system.answers((_request, reply) => reply.header('vary', 'accept').send({ copy }));
    let n = 0;
    await eventually(async () => {
      const path = `/v1/notes/shared-${++n}`;
      expect(await at(0, path)).toEqual({ body: '{"copy":0}', status: 'stoa; fwd=uri-miss; stored' });
      expect(await at(1, path)).toMatchObject({ body: '{"copy":0}', status: expect.stringContaining('hit') });
    });
  });

  test('go on without Redis, and share again when it is back', async () => {
    for (const [copy, system] of systems.entries()) system.answers(() => ({ copy }));
    await server.stop();
    expect(await at(0, '/v1/notes/c')).toMatchObject({ body: '{"copy":0}' });
    expect(await at(0, '/v1/notes/c')).toMatchObject({ body: '{"copy":0}', status: expect.stringContaining('hit') });
    expect(await at(1, '/v1/notes/c')).toMatchObject({ body: '{"copy":1}' });
    await server.start();
    let n = 0;
    await eventually(async () => {
      const path = `/v1/notes/back-${++n}`;
      expect(await at(0, path)).toMatchObject({ body: '{"copy":0}' });
      expect(await at(1, path)).toMatchObject({ body: '{"copy":0}' });
    });
  });
});
