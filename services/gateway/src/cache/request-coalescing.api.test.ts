import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Answer } from '../testing/cached-gateway.ts';
import { type CachedGatewayWithClient, note, startCachedGatewayWithClient } from '../testing/cached-gateway-with-client.ts';

describe.each(['here', 'elsewhere'] as const)('a public answer of a service %s', (where) => {
  let system: CachedGatewayWithClient;
  beforeAll(async () => {
    system = await startCachedGatewayWithClient(where);
  });
  beforeEach(() => system.answers(undefined));
  afterAll(() => system[Symbol.asyncDispose]());

  describe('that many ask for at once', () => {
    const many = (path: string) => Array.from({ length: 20 }, () => system.ask(path));

    test('is fetched once', async () => {
      const door = system.hold();
      const before = system.asked();
      const all = many(note());
      await system.isAsked(1, before);
      door.open();
      const answers = await Promise.all(all);
      expect(answers.map(({ status, body }) => [status, body])).toEqual(Array(20).fill([200, '{"held":true}']));
      expect(system.asked() - before).toBe(1);
      const statuses = answers.map(({ headers }) => headers['cache-status']).filter((status) => status?.includes('stored'));
      expect(statuses).toHaveLength(1);
      expect(await system.metrics.metrics()).toMatch(/response_cache_requests_total\{route="\/v1\/notes\/:id",outcome="collapsed"\} [1-9]/);
    });

    test.each([
      ['cannot be shared', (_request, reply) => reply.code(404).send({})],
      [
        'fails',
        () => {
          throw new Error('broken');
        },
      ],
    ] as [string, Answer][])('and %s, is what each then asks for itself', async (_title, then) => {
      const door = system.hold(then);
      const before = system.asked();
      const all = many(note());
      await system.isAsked(1, before);
      door.open();
      await Promise.all(all);
      expect(system.asked() - before).toBe(20);
    });

    test('does not suffer when the first of them leaves', async () => {
      const door = system.hold();
      const before = system.asked();
      const path = note();
      const first = system.begin(path);
      first.on('error', () => {});
      first.end();
      await system.isAsked(1, before);
      const others = Array.from({ length: 5 }, () => system.ask(path));
      first.destroy();
      // Another one fetches it, and only one.
      await system.isAsked(2, before);
      door.open();
      expect((await Promise.all(others)).map(({ body }) => body)).toEqual(Array(5).fill('{"held":true}'));
      expect(system.asked() - before).toBe(2);
    });

    test('waits no longer than its limit for the first of them', async () => {
      const path = note();
      const door = system.hold();
      const before = system.asked();
      const slow = system.ask(path);
      await system.isAsked(1, before);
      const follower = system.ask(path);
      system.answers(() => ({ fast: true }));
      expect((await follower).body).toBe('{"fast":true}');
      door.open();
      expect((await slow).body).toBe('{"held":true}');
    });

    test('is given to none of the others when it is too old by then: it is fetched anew, and once', async () => {
      const path = note();
      const door = system.hold();
      const before = system.asked();
      const first = system.ask(path);
      await system.isAsked(1, before);
      system.clock.advance(60_000);
      system.answers(() => ({ fresh: true }));
      const others = [system.ask(path), system.ask(path)];
      await system.ask(note());
      door.open();
      expect((await first).body).toBe('{"held":true}');
      expect((await Promise.all(others)).map(({ body }) => body)).toEqual(['{"fresh":true}', '{"fresh":true}']);
      expect(system.asked() - before, 'with the one between').toBe(3);
    });

    test('in variants, is fetched once for each', async () => {
      const door = system.hold((request, reply) => reply.header('vary', 'accept').send({ for: request.headers.accept }));
      const before = system.asked();
      const path = note();
      const all = Array.from({ length: 12 }, (_, n) => system.ask(path, { accept: `text/${n % 3}` }));
      await system.isAsked(1, before);
      door.open();
      expect((await Promise.all(all)).map(({ body }) => JSON.parse(body).for)).toEqual(
        Array.from({ length: 12 }, (_, n) => `text/${n % 3}`),
      );
      expect(system.asked() - before).toBe(3);
    });
  });
});
