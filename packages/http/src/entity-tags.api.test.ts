import { Readable } from 'node:stream';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { entityTag, type Http, IfMatch, preconditionOf, withETag } from './index.ts';
import { thingsHttp } from './testing/things.ts';

let http: Http;
let isClosed = false;
beforeAll(async () => {
  http = await thingsHttp();
  http.patch('/v1/thing', { schema: { headers: IfMatch, response: { 200: Type.Any() } } }, async (request, reply) => {
    preconditionOf(request)({ version: 7 });
    return withETag(reply, { changed: true }, entityTag(8));
  });
  http.get('/v1/thing', async (_request, reply) => withETag(reply, { version: 7 }));
  http.get('/v1/weak', async (_request, reply) => reply.header('etag', 'W/"7"').send({ version: 7 }));
  http.get('/v1/missing', async (_request, reply) => reply.code(404).header('etag', entityTag(7)).send({}));
  http.get('/v1/stream', async (_request, reply) => {
    const stream = Readable.from(['a']).once('close', () => {
      isClosed = true;
    });
    return reply.header('etag', entityTag(7)).type('text/plain').send(stream);
  });
  await http.ready();
});
afterAll(() => http.close());

const change = (header?: string) =>
  http.inject({ method: 'PATCH', url: '/v1/thing', headers: header === undefined ? {} : { 'if-match': header } });
const read = (url: string, header: string, method: 'GET' | 'HEAD' = 'GET') =>
  http.inject({ method, url, headers: { 'if-none-match': header } });

describe('a change is made', () => {
  test.for([undefined, '*', ' * ', '"7"', '"6", "7"', '"6","7"', ', "6",, "7" ,', 'W/"7", "7"', '"7,", "7"'])(
    'with If-Match %s',
    async (header) => {
      const { statusCode, headers, body } = await change(header);
      expect([statusCode, headers['etag'], body]).toEqual([200, '"8"', '{"changed":true}']);
    },
  );
});

describe('it is refused with 412', () => {
  test.for(['"6"', 'W/"7"', '"6", W/"7"', '""', '"07"', '"\xfc"'])('with If-Match %s', async (header) => {
    const answer = await change(header);
    expect([answer.statusCode, answer.json().code]).toEqual([412, 'precondition_failed']);
  });
});

describe('it is refused with 400', () => {
  test.for(['7', '', ',', '"7', "'7'", '"7" "7"', 'w/"7"', '*, "7"', '"7";q=1', '"a b"', `${'"7",'.repeat(1_000)}7`])(
    'with If-Match %s',
    async (header) => {
      const answer = await change(header);
      expect([answer.statusCode, answer.json().code, answer.json().errors[0].path]).toEqual([
        400,
        'validation_failed',
        '/headers/if-match',
      ]);
    },
  );
});

describe('a state of several versions', () => {
  const tagOf = ({ version, parent }: { version: number; parent: number }) => entityTag(version, parent);
  const outcome = (header: string, state: { version: number; parent: number }) => {
    const request = { headers: { 'if-match': header } } as never;
    try {
      preconditionOf(request, tagOf)(state);
      return 'changed';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test('is that which all of them make', () => {
    expect(outcome('"7.2"', { version: 7, parent: 2 })).toBe('changed');
    expect(outcome('"7.2"', { version: 7, parent: 3 })).toBe('precondition_failed');
    expect(outcome('"7"', { version: 7, parent: 2 })).toBe('precondition_failed');
  });
});

test('other headers may hold any bytes that HTTP allows', async () => {
  const answer = await http.inject({ method: 'PATCH', url: '/v1/thing', headers: { 'user-agent': 'caf\xc3\x89\x85' } });
  expect(answer.statusCode).toBe(200);
});

describe('a read that brings the tag', () => {
  test.for([
    ['"7"', '/v1/thing'],
    ['*', '/v1/thing'],
    ['W/"7"', '/v1/thing'],
    ['"6", "7"', '/v1/thing'],
    ['"7"', '/v1/weak'],
  ] as const)('%s of %s is answered 304 without a body, with the tag', async ([header, url]) => {
    const answer = await read(url, header);
    expect([answer.statusCode, answer.body, answer.headers['content-type'], answer.headers['content-length']]).toEqual([
      304,
      '',
      undefined,
      undefined,
    ]);
    expect(answer.headers['etag']).toContain('"7"');
    expect((await read(url, header, 'HEAD')).statusCode).toBe(304);
  });

  test('of another state, or a header that cannot be read, gets the object', async () => {
    for (const header of ['"6"', '7', '']) expect((await read('/v1/thing', header)).json()).toEqual({ version: 7 });
  });

  test('of an error gets the error', async () => {
    expect((await read('/v1/missing', '"7"')).statusCode).toBe(404);
  });

  test('is no condition of a change', async () => {
    const answer = await http.inject({ method: 'PATCH', url: '/v1/thing', headers: { 'if-none-match': '"8"' } });
    expect([answer.statusCode, answer.json()]).toEqual([200, { changed: true }]);
  });

  test('of a stream ends the stream', async () => {
    expect((await read('/v1/stream', '"7"')).statusCode).toBe(304);
    expect(isClosed).toBe(true);
  });
});

test('the description of the route names the header and its refusal', () => {
  expect(http.swagger().paths?.['/v1/thing']?.patch).toMatchObject({
    parameters: [{ in: 'header', name: 'If-Match', required: false }],
    responses: { 400: {}, 412: {} },
  });
});
