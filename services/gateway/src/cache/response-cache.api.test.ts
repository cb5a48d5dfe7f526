import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, request as open, type RequestOptions } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { sendRaw } from '@stoa/http/testing';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, type CachedGateway, startCachedGateway } from '../testing/cached-gateway.ts';

let unique = 0;
/** A path that nobody has asked for. */
const note = () => `/v1/notes/note-${++unique}`;

describe.each(['here', 'elsewhere'] as const)('a public answer of a service %s', (where) => {
  let system: CachedGateway;
  const agent = new Agent({ keepAlive: true });
  beforeAll(async () => {
    system = await startCachedGateway({ where });
  });
  beforeEach(() => system.answers(undefined));
  afterAll(async () => {
    agent.destroy();
    await system[Symbol.asyncDispose]();
  });

  const begin = (path: string, options: RequestOptions = {}) => open(`${system.url}${path}`, { agent, ...options });

  async function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
    const sent = begin(path, { method, headers });
    sent.end();
    const [answer] = await once(sent, 'response');
    const body = (await buffer(answer)).toString();
    return { status: answer.statusCode as number, headers: answer.headers as IncomingHttpHeaders, body };
  }

  /** How often the service was asked for this. */
  async function askedBy(work: () => Promise<unknown>): Promise<number> {
    const before = system.asked();
    await work();
    return system.asked() - before;
  }

  /** The service waits with its answer until `open` is called. */
  function hold(then: Answer = () => ({ held: true })) {
    const { promise, resolve } = Promise.withResolvers<void>();
    system.answers(async (request, reply) => {
      await promise;
      return then(request, reply);
    });
    return { open: resolve };
  }

  const isAsked = (times: number, since: number) => eventually(() => expect(system.asked() - since).toBe(times));

  describe('is kept', () => {
    test('once for an id, in whatever letter case it is asked for, and goes with the event of it', async () => {
      const [id, author] = [randomUUID(), randomUUID()];
      const path = (leaf: string, by: string, word = 'a') => `/v1/leaves/${leaf}?author=${by}&word=${word}`;
      const upper = id.toUpperCase();
      expect(await askedBy(() => ask(path(id, author)))).toBe(1);
      expect(await askedBy(() => ask(path(upper, author.toUpperCase())))).toBe(0);
      expect(await askedBy(() => ask(path(id, author, 'A'))), 'a word is no id').toBe(1);
      await system.publish('leaf-changed', id);
      expect(await askedBy(() => ask(path(upper, author)))).toBe(1);
    });

    test('of no query with hundreds of parameters', async () => {
      const path = `${note()}?${'a=1&'.repeat(300)}`;
      await ask(path);
      expect(await askedBy(() => ask(path))).toBe(1);
    });

    test('and given again, with its age, a tag and the truth about it', async () => {
      const path = note();
      const first = await ask(path);
      system.clock.advance(20_000);
      const second = await ask(path);
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

    test('for caches in front of the system at least as old as it is, so that nobody there is shown it for longer', async () => {
      const path = note();
      await ask(path);
      system.clock.advance(59_001);
      expect((await ask(path)).headers).toMatchObject({ 'cache-control': expect.stringContaining('s-maxage=60'), age: '60' });
    });

    test('until it is as old as its route allows', async () => {
      const path = note();
      const asked = await askedBy(async () => {
        await ask(path);
        system.clock.advance(59_999);
        await ask(path);
      });
      expect(asked).toBe(1);
      system.clock.advance(1);
      expect(await askedBy(() => ask(path))).toBe(1);
    });

    test('with the tag of its service, or one made of its bytes; who has it gets 304, from the first request on', async () => {
      system.answers((_request, reply) => reply.header('etag', '"of-the-service"').send({ a: 1 }));
      const tagged = note();
      expect((await ask(tagged, { 'if-none-match': 'W/"of-the-service"' })).status).toBe(304);
      expect((await ask(tagged)).headers.etag).toBe('"of-the-service"');
      system.answers(() => ({ a: 1 }));
      const [one, other] = [await ask(note()), await ask(note())];
      expect(one.headers.etag).toMatch(/^"[\w-]{27}"$/);
      expect(other.headers.etag, 'the same bytes').toBe(one.headers.etag);
      const path = note();
      await ask(path);
      for (const tags of [one.headers.etag as string, `"x", W/${one.headers.etag}`, '*']) {
        const answer = await ask(path, { 'if-none-match': tags });
        expect([answer.status, answer.body]).toEqual([304, '']);
        expect(answer.headers).toMatchObject({ etag: one.headers.etag, age: '0', 'cache-status': expect.stringContaining('hit') });
        expect(answer.headers['content-type'] ?? answer.headers['content-length']).toBeUndefined();
      }
      expect((await ask(path, { 'if-none-match': '"other"' })).status).toBe(200);
    });

    test('byte by byte, however it was written', async () => {
      const bytes = Buffer.from(Array.from({ length: 30_000 }, (_, n) => n % 256));
      system.answers((_request, reply) =>
        reply.type('application/octet-stream').send(Readable.from([bytes.subarray(0, 7), bytes.subarray(7)])),
      );
      const path = note();
      for (const status of ['fwd=uri-miss; stored', 'hit; ttl=60']) {
        const sent = begin(path);
        sent.end();
        const [answer] = await once(sent, 'response');
        expect((await buffer(answer)).equals(bytes)).toBe(true);
        expect(answer.headers['cache-status']).toBe(`stoa; ${status}`);
      }
    });

    test('for each value of what its Vary names', async () => {
      system.answers((request, reply) => reply.header('vary', 'Accept').send({ for: request.headers.accept }));
      const path = note();
      const asked = await askedBy(async () => {
        for (const accept of ['text/a', 'text/b', 'text/a', 'text/b']) {
          expect((await ask(path, { accept, 'user-agent': accept })).body).toBe(JSON.stringify({ for: accept }));
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
      'that differs by who asks': (_request, reply) => reply.header('vary', 'accept, user-agent').send({ number: system.asked() }),
      'that differs by anything': (_request, reply) => reply.header('vary', '*').send({ number: system.asked() }),
      'that is compressed for whoever asks': (_request, reply) =>
        reply.header('content-encoding', 'br').send(Buffer.from([1, system.asked()])),
      'that is large': (_request, reply) => reply.type('text/plain').send('x'.repeat(300_000)),
      'that is large, and streamed': (_request, reply) =>
        reply.send(Readable.from(Array.from({ length: 30 }, () => Buffer.alloc(10_000, 120)))),
    };
    test.each(Object.entries(unkept))('one %s', async (_title, how) => {
      system.answers(how);
      const path = note();
      const asked = await askedBy(async () => {
        for (let n = 0; n < 2; n += 1) {
          const { headers } = await ask(path);
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
      await expect(ask(path)).rejects.toThrow();
      system.answers(() => ({ whole: true }));
      expect((await ask(path)).body).toBe('{"whole":true}');
    });

    test('one of a route that does not say so', async () => {
      expect(await askedBy(() => Promise.all([ask('/v1/drafts'), ask('/v1/drafts')]))).toBe(2);
      expect((await ask('/v1/drafts')).headers).toMatchObject({ 'cache-control': 'no-store' });
      expect((await ask('/v1/drafts')).headers['cache-status']).toBeUndefined();
    });

    test('a refusal says that nobody may keep it', async () => {
      system.answers((_request, reply) => reply.code(404).send({}));
      expect((await ask(note())).headers['cache-control']).toBe('no-store');
    });
  });

  describe('is never that of somebody else', () => {
    const greet: Answer = (request, reply) =>
      reply.header('etag', '"e"').send({ to: request.headers.authorization ?? request.headers.cookie ?? 'all' });

    test.each([{ authorization: 'Digest of-ada' }, { authorization: 'Basic xyz' }, { authorization: '' }, { cookie: 'session=ada' }])(
      'asked with %o it comes from the service, for this one alone',
      async (credentials: Record<string, string>) => {
        system.answers(greet);
        const path = note();
        const own = { ...credentials };
        const first = await ask(path, own);
        expect(first.body).toBe(JSON.stringify({ to: Object.values(credentials)[0] }));
        expect(first.headers).toMatchObject({ 'cache-control': 'no-store', 'cache-status': 'stoa; fwd=bypass' });
        expect((await ask(path)).body, 'nobody hears what was hers').toBe('{"to":"all"}');
        expect((await ask(path, own)).body, 'and she not what is for all').toBe(first.body);
        expect((await ask(path, { ...own, 'if-none-match': '"e"' })).status, 'she may have it by its tag').toBe(304);
      },
    );

    test('parallel requests of persons and of nobody get each their own', async () => {
      const door = hold(greet);
      const before = system.asked();
      const path = note();
      const all = ['ada', '', 'bob', '', 'ada'].map((name) => ask(path, name ? { authorization: `Digest ${name}` } : {}));
      await isAsked(4, before);
      door.open();
      expect((await Promise.all(all)).map(({ body }) => JSON.parse(body).to)).toEqual([
        'Digest ada',
        'all',
        'Digest bob',
        'all',
        'Digest ada',
      ]);
    });

    test('nothing that is not part of the key reaches the service', async () => {
      system.answers((request) => request.headers);
      const poison = {
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'gopher',
        'x-original-url': '/evil',
        'x-host': 'evil.example',
        host: 'evil.example',
        'accept-language': 'xx',
        'user-agent': 'evil',
        referer: 'http://evil.example',
        'x-any-header': 'evil',
        'if-modified-since': 'Sat, 21 Nov 2026 09:00:00 GMT',
        connection: 'keep-alive, accept',
      };
      const { status, body } = await ask(note(), poison);
      expect(status).toBe(200);
      expect(body).not.toMatch(/evil|gopher|"xx"|modified/);
    });
  });

  test.for(['http://evil.example', 'HTTP://evil.example:81'])('is the same for who sends a whole URL of %s', async (authority) => {
    system.answers(({ url, host }) => ({ url, host }));
    const path = note();
    for (const target of [`${authority}${path}?a=1`, `${path}?a=1`]) {
      const answer = await sendRaw(system.url, `GET ${target} HTTP/1.1\r\nhost: evil.example\r\n\r\n`);
      expect(JSON.parse(answer.body).url).toBe(`${path}?a=1`);
      expect(answer.body).not.toContain('evil');
    }
  });

  describe('passes by', () => {
    test.each([{ range: 'bytes=0-1' }, { 'if-match': '"x"' }, { 'if-unmodified-since': 'Sat, 21 Nov 2026 09:00:00 GMT' }])(
      'with %o',
      async (headers: Record<string, string>) => {
        const path = note();
        await ask(path);
        expect(await askedBy(() => ask(path, headers))).toBe(1);
      },
    );

    test('with a body that a GET should not have', async () => {
      const path = note();
      const sent = begin(path, { headers: { 'content-length': '2', 'content-type': 'application/json' } });
      sent.end('{}');
      const [answer] = await once(sent, 'response');
      expect([answer.statusCode, answer.headers['cache-status']]).toEqual([200, 'stoa; fwd=bypass']);
      await buffer(answer);
      expect(await askedBy(() => ask(path))).toBe(1);
    });

    test('a HEAD, which leaves nothing that a GET would get', async () => {
      const path = note();
      const head = await ask(path, {}, 'HEAD');
      expect([head.status, head.body]).toEqual([200, '']);
      const get = await ask(path);
      expect(JSON.parse(get.body)).toEqual({ number: expect.any(Number) });
      expect(await askedBy(() => ask(path, {}, 'HEAD'))).toBe(1);
    });
  });

  describe('has a key', () => {
    const sees: Answer = ({ params, query }) => ({ params, query });

    test('in which order and spelling count for nothing', async () => {
      system.answers(sees);
      const path = `/v1/notes/s${++unique}`;
      const spelled = [`${path}?a=1&b=2&b=3`, `${path}?b=2&b=3&a=1`, `${path}?%61=1&b=2&b=%33`, `${path.replace('s', '%73')}?b=2&a=1&b=3`];
      // The first "s" of the path is that of "notes".
      const asked = await askedBy(async () => {
        for (const each of spelled) expect(JSON.parse((await ask(each)).body).query).toEqual({ a: '1', b: ['2', '3'] });
      });
      expect(asked).toBe(1);
    });

    test('that no two different requests share', async () => {
      system.answers(sees);
      const n = ++unique;
      const different = [
        `/v1/shelves/${n}/b`,
        `/v1/shelves/${n}%2Fb/b`,
        `/v1/shelves/${n}/b%2Fb`,
        `/v1/shelves/${n}%22,%22b/b`,
        `/v1/shelves/${n}/%22,%22b`,
        `/v1/shelves/${n}/b?x`,
        `/v1/shelves/${n}/b?x=1`,
        `/v1/shelves/${n}/b?x=1&x=2`,
        `/v1/shelves/${n}/b?x=1,2`,
        `/v1/shelves/${n}/b?x=2&x=1`,
        `/v1/shelves/${n}/b?x=1%26x=2`,
        `/v1/shelves/${n}/b?x=1&y=2`,
        `/v1/shelves/${n}/b%3Fx=1`,
        `/v1/shelves/${n}/B`,
        `/v1/notes/${n}`,
        '/v1/notes',
      ];
      const first: string[] = [];
      for (const path of different) first.push((await ask(path)).body);
      expect(new Set(first).size).toBe(different.length);
      const again: string[] = [];
      for (const path of different) again.push((await ask(path)).body);
      expect(again).toEqual(first);
    });
  });

  describe('that many ask for at once', () => {
    const many = (path: string) => Array.from({ length: 20 }, () => ask(path));

    test('is fetched once', async () => {
      const door = hold();
      const before = system.asked();
      const all = many(note());
      await isAsked(1, before);
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
      const door = hold(then);
      const before = system.asked();
      const all = many(note());
      await isAsked(1, before);
      door.open();
      await Promise.all(all);
      expect(system.asked() - before).toBe(20);
    });

    test('does not suffer when the first of them leaves', async () => {
      const door = hold();
      const before = system.asked();
      const path = note();
      const first = begin(path);
      first.on('error', () => {});
      first.end();
      await isAsked(1, before);
      const others = Array.from({ length: 5 }, () => ask(path));
      first.destroy();
      // Another one fetches it, and only one.
      await isAsked(2, before);
      door.open();
      expect((await Promise.all(others)).map(({ body }) => body)).toEqual(Array(5).fill('{"held":true}'));
      expect(system.asked() - before).toBe(2);
    });

    test('waits no longer than its limit for the first of them', async () => {
      const path = note();
      const door = hold();
      const before = system.asked();
      const slow = ask(path);
      await isAsked(1, before);
      const follower = ask(path);
      system.answers(() => ({ fast: true }));
      expect((await follower).body).toBe('{"fast":true}');
      door.open();
      expect((await slow).body).toBe('{"held":true}');
    });

    test('is given to none of the others when it is too old by then: it is fetched anew, and once', async () => {
      const path = note();
      const door = hold();
      const before = system.asked();
      const first = ask(path);
      await isAsked(1, before);
      system.clock.advance(60_000);
      system.answers(() => ({ fresh: true }));
      const others = [ask(path), ask(path)];
      await ask(note());
      door.open();
      expect((await first).body).toBe('{"held":true}');
      expect((await Promise.all(others)).map(({ body }) => body)).toEqual(['{"fresh":true}', '{"fresh":true}']);
      expect(system.asked() - before, 'with the one between').toBe(3);
    });

    test('in variants, is fetched once for each', async () => {
      const door = hold((request, reply) => reply.header('vary', 'accept').send({ for: request.headers.accept }));
      const before = system.asked();
      const path = note();
      const all = Array.from({ length: 12 }, (_, n) => ask(path, { accept: `text/${n % 3}` }));
      await isAsked(1, before);
      door.open();
      expect((await Promise.all(all)).map(({ body }) => JSON.parse(body).for)).toEqual(
        Array.from({ length: 12 }, (_, n) => `text/${n % 3}`),
      );
      expect(system.asked() - before).toBe(3);
    });
  });

  describe('ends with an event', () => {
    test('of its key; others stay, and those of routes that depend on any', async () => {
      const [mine, other] = [note(), note()];
      for (const path of [mine, other, '/v1/notes']) await ask(path);
      await system.publish('note-changed', mine.split('/')[3] as string);
      expect(await askedBy(() => ask(mine))).toBe(1);
      expect(await askedBy(() => ask(other))).toBe(0);
      expect(await askedBy(() => ask('/v1/notes'))).toBe(1);
    });

    test('of its type, where all answers depend on it', async () => {
      const paths = [note(), `${note()}?page=2`];
      for (const path of [...paths, '/v1/notes']) await ask(path);
      await system.publish('notes-imported', 'anything');
      for (const path of paths) expect(await askedBy(() => ask(path))).toBe(1);
      expect(await askedBy(() => ask('/v1/notes'))).toBe(0);
    });

    test('however its path was spelled', async () => {
      const id = `with / and é ${++unique}`;
      const path = `/v1/notes/${encodeURIComponent(id)}`;
      await ask(path);
      await system.publish('note-changed', id);
      expect(await askedBy(() => ask(path))).toBe(1);
    });

    test('also while it is fetched: what was read before is given to who asked before, and not kept', async () => {
      const path = note();
      const door = hold();
      const before = system.asked();
      const old = [ask(path), ask(path)];
      await isAsked(1, before);
      await system.publish('note-changed', path.split('/')[3] as string);
      system.answers(() => ({ fresh: true }));
      expect((await ask(path)).body, 'who comes after it').toBe('{"fresh":true}');
      door.open();
      expect((await Promise.all(old)).map(({ body }) => body)).toEqual(['{"held":true}', '{"held":true}']);
      expect((await ask(path)).body).toBe('{"fresh":true}');
    });
  });

  test('of a service that is away is still given; one that is not there is 503', async () => {
    await using away = await startCachedGateway({ where });
    const kept = note();
    const at = (path: string) => fetch(`${away.url}${path}`);
    const first = await (await at(kept)).text();
    await away.stopService();
    expect(await (await at(kept)).text()).toBe(first);
    if (where === 'elsewhere') expect((await at(note())).status).toBe(503);
  });
});
