import { randomUUID } from 'node:crypto';
import { type RedisServer, startRedisServer } from '@stoa/redis/testing';
import { eventually, startTcpProxy, type TcpProxy } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GatewayCopies, startGatewayCopies } from './testing/gateway-copies.ts';

const READS = 20;
const OWN_READS = 15;
const WRITES = 10;
const settings = { PUBLIC_READS_PER_MINUTE: `${READS}`, SIGNED_IN_READS_PER_MINUTE: `${OWN_READS}`, WRITES_PER_MINUTE: `${WRITES}` };

const stack = new AsyncDisposableStack();
let redis: RedisServer;
/** The way of both copies to Redis. */
let toRedis: TcpProxy;
let system: GatewayCopies;
beforeAll(async () => {
  redis = stack.use(await startRedisServer());
  toRedis = await startTcpProxy(redis.port);
  stack.defer(() => toRedis.close());
  const url = `redis://127.0.0.1:${toRedis.port}`;
  system = stack.use(await startGatewayCopies({ redisUrls: [url, url], settings }));
});
afterAll(() => stack.disposeAsync());

type Headers = Record<string, string>;
let strangers = 0;
/** A client that has not been here. */
const stranger = (): Headers => ({ 'x-forwarded-for': `10.0.${++strangers >> 8}.${strangers & 255}` });

interface Answer {
  readonly status: number;
  /** What is left, as the answer says. */
  readonly left: number;
}

async function ask(copy: 0 | 1, headers: Headers, method = 'GET'): Promise<Answer> {
  const written = method === 'PUT' ? { headers: { ...headers, 'content-type': 'application/json' }, body: '{"text":"a"}' } : { headers };
  const answer = await fetch(`${system.copies[copy].url}/v1/notes/${randomUUID()}`, { method, ...written });
  await answer.text();
  return { status: answer.status, left: Number(/;r=(\d+)/.exec(answer.headers.get('ratelimit') ?? '')?.[1]) };
}

/** So many at once, in turn at both copies. */
const atOnce = (count: number, headers: Headers, method?: string) =>
  Promise.all(Array.from({ length: count }, (_, n) => ask(n % 2 === 0 ? 0 : 1, headers, method)));

/** How many are admitted, each with a place of its own. */
async function letIn(count: number, headers: Headers, method?: string): Promise<number> {
  const answers = await atOnce(count, headers, method);
  const places = answers.filter(({ status }) => status === 200).map(({ left }) => left);
  for (const { status } of answers) expect([200, 429]).toContain(status);
  expect(new Set(places).size, 'places').toBe(places.length);
  return places.length;
}

/** Resolves when both copies count in Redis, which their next request shows. */
const isBack = () => eventually(() => expect(system.copies.map((copy) => copy.redis.health().ok)).toEqual([true, true]));

describe('of three times as many requests as a limit allows, at once over two copies', () => {
  test('exactly the limit is admitted per client IP, reads and writes counted apart; others have their own', async () => {
    const clientIp = stranger();
    const [reads, writes] = await Promise.all([letIn(3 * READS, clientIp), letIn(3 * WRITES, clientIp, 'PUT')]);
    expect([reads, writes]).toEqual([READS, WRITES]);
    expect(await letIn(2, clientIp)).toBe(0);
    expect(await letIn(2, stranger())).toBe(2);
  });

  test.each(['person', 'serviceAccount'] as const)('exactly the limit is admitted per %s, from whatever client IPs', async (kind) => {
    const authorization = await system.who[kind]();
    const answers = await Promise.all(
      Array.from({ length: 3 * OWN_READS }, (_, n) => ask(n % 2 === 0 ? 0 : 1, { ...stranger(), authorization })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(OWN_READS);
    expect(await letIn(3 * WRITES, { authorization }, 'PUT')).toBe(WRITES);
    expect(await letIn(2, { authorization: await system.who[kind]() })).toBe(2);
  });
});

describe('without Redis', () => {
  const breaks = {
    stopped: { begin: () => redis.stop(), end: () => redis.start(), remembers: false },
    'out of reach': { begin: async () => toRedis.refuse(), end: async () => toRedis.heal(), remembers: true },
  };

  test.each(['stopped', 'out of reach'] as const)(
    '%s: each copy counts for itself and stays ready; they count together again when it is back',
    async (how) => {
      const before = stranger();
      expect(await letIn(3 * READS, before)).toBe(READS);
      await breaks[how].begin();
      try {
        const clientIp = stranger();
        const answers = await atOnce(6 * READS, clientIp);
        for (const copy of [0, 1])
          expect(
            answers.filter(({ status }, n) => n % 2 === copy && status === 200),
            `copy ${copy}`,
          ).toHaveLength(READS);
        expect(answers.filter(({ status }) => status === 429)).toHaveLength(4 * READS);
        for (const { http } of system.copies) expect((await http.inject('/health/ready')).statusCode).toBe(200);
      } finally {
        await breaks[how].end();
      }
      await isBack();
      expect(await letIn(3 * READS, stranger())).toBe(READS);
      expect(await letIn(2, before), 'what Redis still has counts').toBe(breaks[how].remembers ? 0 : 2);
    },
  );
});
