import { randomUUID } from 'node:crypto';
import { type RabbitServer, startRabbitServer } from '@stoa/messaging/testing';
import { type RedisServer, startRedisServer } from '@stoa/redis/testing';
import { eventually, startTcpProxy, type TcpProxy } from '@stoa/service/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type GatewayCopies, startGatewayCopies } from '../testing/gateway-copies.ts';

/** A copy that waits for RabbitMQ tries again after ten seconds at the latest. */
const PATIENCE = { timeoutMs: 45_000 };
/** How long after the answer of a write the old answer may still be given. */
const SOON_MS = 1_000;

const stack = new AsyncDisposableStack();
let rabbit: RabbitServer;
let redis: RedisServer;
/** The way of the second copy to RabbitMQ. */
let toRabbit: TcpProxy;
/** The way of both copies to Redis. */
let toRedis: TcpProxy;
let system: GatewayCopies;
let id: string;
beforeAll(async () => {
  [rabbit, redis] = await Promise.all([startRabbitServer(), startRedisServer()]);
  stack.use(rabbit);
  stack.use(redis);
  [toRabbit, toRedis] = await Promise.all([startTcpProxy(rabbit.port), startTcpProxy(redis.port)]);
  stack.defer(() => toRabbit.close());
  stack.defer(() => toRedis.close());
  const through = (url: string, { port }: TcpProxy) => Object.assign(new URL(url), { port: String(port) }).href;
  const redisUrl = through(redis.url, toRedis);
  const rabbitUrls = [rabbit.url, through(rabbit.url, toRabbit), rabbit.url] as const;
  system = stack.use(await startGatewayCopies({ rabbitUrls, redisUrls: [redisUrl, redisUrl] }));
});
afterAll(() => stack.disposeAsync());
beforeEach(() => {
  id = randomUUID();
});

const BOTH = [0, 1] as const;
type Copy = (typeof BOTH)[number];

async function ask(copy: Copy, note = id) {
  const answer = await fetch(`${system.copies[copy].url}/v1/notes/${note}`);
  const { text } = (await answer.json()) as { text: string };
  return { text, isHit: answer.headers.get('cache-status')?.startsWith('stoa; hit') };
}

async function write(text: string, copy: Copy = 0): Promise<void> {
  const options = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text }) };
  const answer = await fetch(`${system.copies[copy].url}/v1/notes/${id}`, options);
  expect(answer.status).toBe(200);
}

/** Resolves when the copy gives this text, and gives it from what it keeps. */
const isKept = (copy: Copy, text: string, options = {}) =>
  eventually(async () => expect(await ask(copy)).toEqual({ text, isHit: true }), options);
const isKeptAtBoth = async (text: string) => void (await Promise.all(BOTH.map((copy) => isKept(copy, text))));

/** Resolves when one copy gives what the other one fetched. */
const isShared = () =>
  eventually(async () => {
    const another = randomUUID();
    expect((await ask(0, another)).isHit).toBe(false);
    expect((await ask(1, another)).isHit).toBe(true);
  });

describe('an answer that two copies keep', () => {
  test('is invalidated at both by the event of a write, within a second of its answer, whichever copy forwarded the write', async () => {
    // Of the questions that were answered with the old text, how long after the write's answer the last one began.
    const shown: number[] = [];
    await write('0');
    for (let n = 1; n <= 20; n += 1) {
      await isKeptAtBoth(`${n - 1}`);
      await write(`${n}`, n % 2 === 0 ? 0 : 1);
      const answered = performance.now();
      const isNew = async (copy: Copy) => {
        await eventually(
          async () => {
            const begun = performance.now();
            const { text } = await ask(copy);
            if (text !== `${n}`) shown.push(begun - answered);
            expect(text).toBe(`${n}`);
          },
          { intervalMs: 1 },
        );
      };
      await Promise.all(BOTH.map(isNew));
    }
    expect(Math.max(0, ...shown), 'milliseconds').toBeLessThan(SOON_MS);
  });

  test('is never older than a second, nor goes back to an older one, while both are asked without a pause', async () => {
    let written = 0;
    const answeredAt = [performance.now()];
    await write('0');
    let isOver = false;
    const read = async (copy: Copy): Promise<number> => {
      let last = 0;
      let reads = 0;
      for (; !isOver; reads += 1) {
        const before = performance.now();
        const seen = Number((await ask(copy)).text);
        expect(seen).toBeGreaterThanOrEqual(last);
        const settled = answeredAt.findLastIndex((at) => before - at > SOON_MS);
        expect(seen).toBeGreaterThanOrEqual(settled);
        last = seen;
      }
      return reads;
    };
    await isKeptAtBoth('0');
    const readers = Promise.all([read(0), read(1), read(0), read(1)]);
    readers.catch(() => {});
    try {
      for (const until = performance.now() + 3_000; performance.now() < until; ) {
        await write(`${++written}`);
        answeredAt.push(performance.now());
      }
      await isKeptAtBoth(`${written}`);
    } finally {
      isOver = true;
    }
    for (const reads of await readers) expect(reads).toBeGreaterThan(written);
  });
});

describe('a copy that is cut off from RabbitMQ for a while', () => {
  test('gives nothing from before the gap once it is connected again; the other one never did', async () => {
    await write('before');
    await isKeptAtBoth('before');
    toRabbit.refuse();
    await eventually(async () => expect(await system.copies[1].broker.health()).toMatchObject({ ok: false }), PATIENCE);
    await write('meanwhile');
    await isKept(0, 'meanwhile');
    expect(await ask(1), 'no event reached it').toEqual({ text: 'before', isHit: true });
    toRabbit.heal();
    await eventually(async () => expect((await ask(1)).text).toBe('meanwhile'), PATIENCE);
    await isKeptAtBoth('meanwhile');
    await write('after');
    await isKeptAtBoth('after');
  });

  test('when RabbitMQ restarts: a change without an event is seen at both, and the event of a write comes after all', async () => {
    await write('before');
    await isKeptAtBoth('before');
    await rabbit.stop();
    await system.changeSilently(id, 'silently');
    for (const { http } of system.copies) expect((await http.inject('/health/ready')).statusCode).toBe(200);
    expect(await ask(0)).toEqual({ text: 'before', isHit: true });
    await rabbit.start();
    await Promise.all(BOTH.map((copy) => isKept(copy, 'silently', PATIENCE)));
    await rabbit.stop();
    await write('while it is away');
    await rabbit.start();
    await Promise.all(BOTH.map((copy) => isKept(copy, 'while it is away', PATIENCE)));
  });
});

describe('without Redis', () => {
  test('each copy keeps for itself, events invalidate as before, both stay ready; they share again when it is back', async () => {
    await write('before');
    await isKeptAtBoth('before');
    await redis.stop();
    try {
      await write('without');
      await isKeptAtBoth('without');
      for (const { http } of system.copies) expect((await http.inject('/health/ready')).statusCode).toBe(200);
    } finally {
      await redis.start();
    }
    await isShared();
    await isKeptAtBoth('without');
    await write('after');
    await isKeptAtBoth('after');
  });

  test('that cannot be reached, and keeps what it has: what ended meanwhile is not given when it can', async () => {
    await write('before');
    // The second copy is not asked, so that it has nothing but what Redis gives it.
    await isKept(0, 'before');
    toRedis.refuse();
    try {
      await write('meanwhile');
      await isKept(0, 'meanwhile');
    } finally {
      toRedis.heal();
    }
    await isShared();
    expect((await ask(1)).text).toBe('meanwhile');
  });
});
