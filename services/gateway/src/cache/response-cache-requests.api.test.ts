import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { sendRaw } from '@stoa/http/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Answer } from '../testing/cached-gateway.ts';
import { type CachedGatewayWithClient, note, startCachedGatewayWithClient, unique } from '../testing/cached-gateway-with-client.ts';

describe.each(['here', 'elsewhere'] as const)('a public answer of a service %s', (where) => {
  let system: CachedGatewayWithClient;
  beforeAll(async () => {
    system = await startCachedGatewayWithClient(where);
  });
  beforeEach(() => system.answers(undefined));
  afterAll(() => system[Symbol.asyncDispose]());

  describe('is never that of somebody else', () => {
    const greet: Answer = (request, reply) =>
      reply.header('etag', '"e"').send({ to: request.headers.authorization ?? request.headers.cookie ?? 'all' });

    test.each([{ authorization: 'Digest of-ada' }, { authorization: 'Basic xyz' }, { authorization: '' }, { cookie: 'session=ada' }])(
      'asked with %o it comes from the service, for this one alone',
      async (credentials: Record<string, string>) => {
        system.answers(greet);
        const path = note();
        const own = { ...credentials };
        const first = await system.ask(path, own);
        expect(first.body).toBe(JSON.stringify({ to: Object.values(credentials)[0] }));
        expect(first.headers).toMatchObject({ 'cache-control': 'no-store', 'cache-status': 'stoa; fwd=bypass' });
        expect((await system.ask(path)).body, 'nobody else gets her answer').toBe('{"to":"all"}');
        expect((await system.ask(path, own)).body, 'and she does not get the one for all').toBe(first.body);
        expect((await system.ask(path, { ...own, 'if-none-match': '"e"' })).status, 'she may have it by its tag').toBe(304);
      },
    );

    test('parallel requests with and without a person each get their own', async () => {
      const door = system.hold(greet);
      const before = system.asked();
      const path = note();
      const all = ['ada', '', 'bob', '', 'ada'].map((name) => system.ask(path, name ? { authorization: `Digest ${name}` } : {}));
      await system.isAsked(4, before);
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
      const { status, body } = await system.ask(note(), poison);
      expect(status).toBe(200);
      expect(body).not.toMatch(/evil|gopher|"xx"|modified/);
    });
  });

  test.for(['http://evil.example', 'HTTP://evil.example:81'])('is the same for a request with a whole URL of %s', async (authority) => {
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
        await system.ask(path);
        expect(await system.askedBy(() => system.ask(path, headers))).toBe(1);
      },
    );

    test('with a body that a GET should not have', async () => {
      const path = note();
      const sent = system.begin(path, { headers: { 'content-length': '2', 'content-type': 'application/json' } });
      sent.end('{}');
      const [answer] = await once(sent, 'response');
      expect([answer.statusCode, answer.headers['cache-status']]).toEqual([200, 'stoa; fwd=bypass']);
      await buffer(answer);
      expect(await system.askedBy(() => system.ask(path))).toBe(1);
    });

    test('a HEAD, which leaves nothing that a GET would get', async () => {
      const path = note();
      const head = await system.ask(path, {}, 'HEAD');
      expect([head.status, head.body]).toEqual([200, '']);
      const get = await system.ask(path);
      expect(JSON.parse(get.body)).toEqual({ number: expect.any(Number) });
      expect(await system.askedBy(() => system.ask(path, {}, 'HEAD'))).toBe(1);
    });
  });

  describe('has a key', () => {
    const sees: Answer = ({ params, query }) => ({ params, query });

    test('in which order and spelling make no difference', async () => {
      system.answers(sees);
      const path = `/v1/notes/s${unique()}`;
      const spelled = [`${path}?a=1&b=2&b=3`, `${path}?b=2&b=3&a=1`, `${path}?%61=1&b=2&b=%33`, `${path.replace('s', '%73')}?b=2&a=1&b=3`];
      // The first "s" of the path is that of "notes".
      const asked = await system.askedBy(async () => {
        for (const each of spelled) expect(JSON.parse((await system.ask(each)).body).query).toEqual({ a: '1', b: ['2', '3'] });
      });
      expect(asked).toBe(1);
    });

    test('that no two different requests share', async () => {
      system.answers(sees);
      const n = unique();
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
      for (const path of different) first.push((await system.ask(path)).body);
      expect(new Set(first).size).toBe(different.length);
      const again: string[] = [];
      for (const path of different) again.push((await system.ask(path)).body);
      expect(again).toEqual(first);
    });
  });
});
