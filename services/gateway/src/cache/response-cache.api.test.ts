import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
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

  describe('is kept', () => {
    test('once for an id in any letter case, and is removed by the event of that id', async () => {
      const [id, author] = [randomUUID(), randomUUID()];
      const path = (leaf: string, by: string, word = 'a') => `/v1/leaves/${leaf}?author=${by}&word=${word}`;
      const upper = id.toUpperCase();
      expect(await system.askedBy(() => system.ask(path(id, author)))).toBe(1);
      expect(await system.askedBy(() => system.ask(path(upper, author.toUpperCase())))).toBe(0);
      expect(await system.askedBy(() => system.ask(path(id, author, 'A'))), 'a word is no id').toBe(1);
      await system.publish('leaf-changed', id);
      expect(await system.askedBy(() => system.ask(path(upper, author)))).toBe(1);
    });

    test('of no query with hundreds of parameters', async () => {
      const path = `${note()}?${'a=1&'.repeat(300)}`;
      await system.ask(path);
      expect(await system.askedBy(() => system.ask(path))).toBe(1);
    });

    test('and given again, with its age, a tag and its cache status', async () => {
      const path = note();
      const first = await system.ask(path);
      system.clock.advance(20_000);
      const second = await system.ask(path);
      expect([second.status, second.body]).toEqual([200, first.body]);
      expect(first.headers).toMatchObject({
        'cache-status': 'stoa; fwd=uri-miss; stored',
        'cache-control': 'public, max-age=0, s-maxage=5, must-revalidate',
        vary: 'authorization, cookie',
      });
      expect(first.headers.age).toBeUndefined();
      expect(second.headers).toMatchObject({
        'cache-status': 'stoa; hit; ttl=40',
        'cache-control': 'public, max-age=0, s-maxage=25, must-revalidate',
        age: '20',
        etag: first.headers.etag,
        'content-type': first.headers['content-type'],
        'content-length': String(first.body.length),
        'x-content-type-options': 'nosniff',
      });
      expect(second.headers['x-correlation-id']).not.toBe(first.headers['x-correlation-id']);
    });

    test('with an age that is rounded up, so that no cache in front of the system shows it for longer', async () => {
      const path = note();
      await system.ask(path);
      system.clock.advance(59_001);
      expect((await system.ask(path)).headers).toMatchObject({ 'cache-control': expect.stringContaining('s-maxage=60'), age: '60' });
    });

    test('until it is as old as its route allows', async () => {
      const path = note();
      const asked = await system.askedBy(async () => {
        await system.ask(path);
        system.clock.advance(59_999);
        await system.ask(path);
      });
      expect(asked).toBe(1);
      system.clock.advance(1);
      expect(await system.askedBy(() => system.ask(path))).toBe(1);
    });

    test('with the tag of its service, or one made of its bytes; a client that has it gets 304, from the first request on', async () => {
      system.answers((_request, reply) => reply.header('etag', '"of-the-service"').send({ a: 1 }));
      const tagged = note();
      expect((await system.ask(tagged, { 'if-none-match': 'W/"of-the-service"' })).status).toBe(304);
      expect((await system.ask(tagged)).headers.etag).toBe('"of-the-service"');
      system.answers(() => ({ a: 1 }));
      const [one, other] = [await system.ask(note()), await system.ask(note())];
      expect(one.headers.etag).toMatch(/^"[\w-]{27}"$/);
      expect(other.headers.etag, 'the same bytes').toBe(one.headers.etag);
      const path = note();
      await system.ask(path);
      for (const tags of [one.headers.etag as string, `"x", W/${one.headers.etag}`, '*']) {
        const answer = await system.ask(path, { 'if-none-match': tags });
        expect([answer.status, answer.body]).toEqual([304, '']);
        expect(answer.headers).toMatchObject({ etag: one.headers.etag, age: '0', 'cache-status': expect.stringContaining('hit') });
        expect(answer.headers['content-type'] ?? answer.headers['content-length']).toBeUndefined();
      }
      expect((await system.ask(path, { 'if-none-match': '"other"' })).status).toBe(200);
    });

    test('byte by byte, however it was written', async () => {
      const bytes = Buffer.from(Array.from({ length: 30_000 }, (_, n) => n % 256));
      system.answers((_request, reply) =>
        reply.type('application/octet-stream').send(Readable.from([bytes.subarray(0, 7), bytes.subarray(7)])),
      );
      const path = note();
      for (const status of ['fwd=uri-miss; stored', 'hit; ttl=60']) {
        const sent = system.begin(path);
        sent.end();
        const [answer] = await once(sent, 'response');
        expect((await buffer(answer)).equals(bytes)).toBe(true);
        expect(answer.headers['cache-status']).toBe(`stoa; ${status}`);
      }
    });

    test('for each value of what its Vary names', async () => {
      system.answers((request, reply) => reply.header('vary', 'Accept').send({ for: request.headers.accept }));
      const path = note();
      const asked = await system.askedBy(async () => {
        for (const accept of ['text/a', 'text/b', 'text/a', 'text/b']) {
          expect((await system.ask(path, { accept, 'user-agent': accept })).body).toBe(JSON.stringify({ for: accept }));
        }
      });
      expect(asked).toBe(2);
    });
  });

  describe('is not kept', () => {
    const unkept: Record<string, Answer> = {
      'that is no 200': (_request, reply) => reply.code(404).send({ number: system.asked() }),
      'that failed': () => {
        throw new Error('broken');
      },
      'that sets a cookie': (_request, reply) => reply.header('set-cookie', 'a=b').send({ number: system.asked() }),
      'that is private': (_request, reply) => reply.header('cache-control', 'private, max-age=60').send({ number: system.asked() }),
      'that is not to be stored': (_request, reply) =>
        reply.header('cache-control', 'max-age=60, No-Store').send({ number: system.asked() }),
      'that differs by client': (_request, reply) => reply.header('vary', 'accept, user-agent').send({ number: system.asked() }),
      'that differs by anything': (_request, reply) => reply.header('vary', '*').send({ number: system.asked() }),
      'that is compressed for clients that accept it': (_request, reply) =>
        reply.header('content-encoding', 'br').send(Buffer.from([1, system.asked()])),
      'that is large': (_request, reply) => reply.type('text/plain').send('x'.repeat(300_000)),
      'that is large, and streamed': (_request, reply) =>
        reply.send(Readable.from(Array.from({ length: 30 }, () => Buffer.alloc(10_000, 120)))),
    };
    test.each(Object.entries(unkept))('one %s', async (_title, how) => {
      system.answers(how);
      const path = note();
      const asked = await system.askedBy(async () => {
        for (let n = 0; n < 2; n += 1) {
          const { headers } = await system.ask(path);
          expect(headers['cache-status']).toBe('stoa; fwd=uri-miss');
          expect(headers.age).toBeUndefined();
        }
      });
      expect(asked).toBe(2);
    });

    test('one whose end is missing', async () => {
      system.answers((_request, reply) => {
        reply.hijack();
        reply.raw.writeHead(200, { 'cache-control': 'public', 'content-length': '100' });
        reply.raw.write('half');
        setImmediate(() => reply.raw.destroy());
      });
      const path = note();
      await expect(system.ask(path)).rejects.toThrow();
      system.answers(() => ({ whole: true }));
      expect((await system.ask(path)).body).toBe('{"whole":true}');
    });

    test('one of a route that does not declare it', async () => {
      expect(await system.askedBy(() => Promise.all([system.ask('/v1/drafts'), system.ask('/v1/drafts')]))).toBe(2);
      expect((await system.ask('/v1/drafts')).headers).toMatchObject({ 'cache-control': 'no-store' });
      expect((await system.ask('/v1/drafts')).headers['cache-status']).toBeUndefined();
    });

    test('a refusal says that nobody may keep it', async () => {
      system.answers((_request, reply) => reply.code(404).send({}));
      expect((await system.ask(note())).headers['cache-control']).toBe('no-store');
    });
  });
});
