import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, type Server, request as send } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { type TestIdentity, testIdentity } from '@stoa/auth/testing';
import { edgeOf, type Http } from '@stoa/http';
import { sendRaw } from '@stoa/http/testing';
import { eventually } from '@stoa/service/testing';
import { Type } from 'typebox';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRemote, startRemoteSystem } from '../testing/remote-system.ts';

/** A service in another process, seen through the gateway: over real connections on both sides. */
let who: TestIdentity;
let system: Awaited<ReturnType<typeof startRemoteSystem>>;
let stones: Http;
/** What misbehaves on purpose: set by a test. */
let misbehave: Parameters<Server['on']>[1];
const LARGE = 1_100_000;
let wild: Server;
/** Requests that the service sees end before it has answered. */
let left: string[];
let gate: PromiseWithResolvers<void>;
let produced: number;

beforeAll(async () => {
  who = await testIdentity();
  stones = await createRemote('stones', who, async () => [{ name: 'database', ok: true }]);
  const config = { access: 'anyone' } as const;
  const querystring = Type.Object({ a: Type.Optional(Type.String()) }, { additionalProperties: false });
  stones.get('/v1/stones/seen', { config, schema: { querystring } }, async ({ headers, clientAddress, context }) => ({
    headers,
    address: clientAddress,
    correlationId: context.correlationId,
  }));
  stones.get('/v1/stones/mine', { config: { access: 'user' } }, async () => ({ mine: true }));
  stones.post(
    '/v1/stones',
    {
      config,
      bodyLimit: LARGE,
      schema: { body: Type.Object({ text: Type.String({ maxLength: LARGE }) }, { additionalProperties: false }) },
    },
    async ({ body }, reply) => reply.code(201).send({ length: body.text.length, end: body.text.slice(-3) }),
  );
  stones.delete('/v1/stones/:id', { config }, async (_request, reply) => reply.code(204).send());
  stones.get('/v1/stones/big', { config }, async (_request, reply) => {
    const chunk = Buffer.alloc(65_536, 'a');
    const stream = new Readable({
      read() {
        produced += chunk.length;
        this.push(produced > 64 * 1_048_576 ? null : chunk);
      },
    });
    return reply.type('application/octet-stream').send(stream);
  });
  stones.get('/v1/stones/events', { config }, async (request, reply) => {
    const stream = new Readable({ read() {} });
    request.raw.socket.once('close', () => left.push('events'));
    stream.push('data: 1\n\n');
    void gate.promise.then(() => stream.push('data: 2\n\n'));
    return reply.type('text/event-stream').send(stream);
  });
  stones.get('/v1/stones/held', { config: { ...config, waitSeconds: 60 } }, async (request) => {
    await gate.promise;
    return { held: edgeOf(request.raw).route };
  });
  stones.get('/v1/stones/two-cookies', { config }, async (_request, reply) => reply.header('set-cookie', ['a=1', 'b=2']).send({}));
  wild = createServer((request, response) => misbehave(request, response));
  wild.listen(0, '127.0.0.1');
  await once(wild, 'listening');
  const routes = [
    ...['GET', 'HEAD', 'POST', 'PUT'].map((method) => ({ method, url: '/v1/wild', bodyLimit: LARGE })),
    { method: 'GET', url: '/v1/wild/:id' },
    { method: 'POST', url: '/v1/wild/kept', idempotent: true as const },
  ];
  const gone = {
    url: 'http://127.0.0.1:1',
    routes: [
      { method: 'GET', url: '/v1/gone' },
      { method: 'POST', url: '/v1/gone' },
    ],
  };
  const places = { wild: { url: `http://127.0.0.1:${(wild.address() as AddressInfo).port}`, routes }, gone };
  system = await startRemoteSystem(who, { services: [stones], places });
});
afterAll(async () => {
  gate.resolve();
  await system[Symbol.asyncDispose]();
  wild.closeAllConnections();
  wild.close();
  await who[Symbol.asyncDispose]();
});
beforeEach(() => {
  left = [];
  system.lines.length = 0;
  produced = 0;
  gate?.resolve();
  gate = Promise.withResolvers();
});

const get = (path: string, init: RequestInit = {}) => fetch(`${system.url}${path}`, init);
const raw = (head: string, body = '') => sendRaw(system.url, `${head}\r\nhost: gateway.example\r\n\r\n${body}`);
const post = (body: string) => get('/v1/stones', { method: 'POST', body, headers: { 'content-type': 'application/json' } });

describe('a request to a service elsewhere', () => {
  test('arrives in the context of the edge, with the address of the client', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const answer = await get('/v1/stones/seen', { headers: { 'x-correlation-id': 'c-1', traceparent, 'accept-language': 'eo' } });
    expect(answer.headers.get('x-correlation-id')).toBe('c-1');
    expect(await answer.json()).toMatchObject({
      correlationId: 'c-1',
      address: '127.0.0.1',
      headers: { traceparent, 'accept-language': 'eo' },
    });
  });

  test('shows nothing that concerns one connection, claims somebody else, or proves the gateway', async () => {
    const { headers } = JSON.parse(
      (
        await raw(
          [
            'GET /v1/stones/seen HTTP/1.1',
            'connection: X-Hop, x-stoa-forwarded, Close',
            'x-hop: 1',
            'keep-alive: timeout=5',
            'te: trailers',
            'upgrade: websocket',
            'expect: 200-ok',
            'proxy-authorization: Basic x',
            'x-user-id: 7',
            'x-stoa-forwarded: Service gateway.x 1.2.3.4',
            'x-forwarded-for: 1.2.3.4',
            'x-kept: kept',
            'authorization: Basic eDp5',
          ].join('\r\n'),
        )
      ).body,
    );
    expect(Object.keys(headers).sort()).toEqual(['authorization', 'connection', 'host', 'traceparent', 'x-correlation-id', 'x-kept']);
    expect(headers.host).toMatch(/^127\.0\.0\.1:/);
  });

  test.for([
    ['one long header', `x-long: ${'a'.repeat(16_150)}`],
    ['bytes that are no ASCII', `x-long: ${'é'.repeat(16_150)}`],
    ['very many headers', Array.from({ length: 995 }, (_, n) => `x${n}: 1`).join('\r\n')],
  ])('is taken by the service whenever the gateway takes it: %s', async ([, headers]) => {
    const begun = ['POST /v1/stones HTTP/1.1', 'host: a', 'content-type: application/json', 'transfer-encoding: chunked', headers];
    const bytes = Buffer.from(`${begun.join('\r\n')}\r\n\r\n8\r\n{"text":\r\n4\r\n"a"}\r\n0\r\n\r\n`, 'latin1');
    expect((await sendRaw(system.url, bytes)).status).toBe(201);
  });

  test('keeps the bytes of its headers, ASCII or not', async () => {
    const bytes = Buffer.from('GET /v1/stones/seen HTTP/1.1\r\nhost: a\r\nx-latin: café\r\nx-utf: \xc3\xa9\r\n\r\n', 'latin1');
    // Node shows each byte as one character.
    const { headers } = JSON.parse((await sendRaw(system.url, bytes)).body);
    expect([headers['x-latin'], headers['x-utf']]).toEqual(['café', '\xc3\xa9']);
  });

  test('has its token looked at by the service', async () => {
    const status = async (headers: Record<string, string>) => (await get('/v1/stones/mine', { headers })).status;
    expect([await status({}), await status({ authorization: await who.person() })]).toEqual([401, 200]);
  });

  test('is logged and measured at the gateway under its service and route', async () => {
    await get('/v1/stones/seen?a=b');
    await eventually(() =>
      expect(system.lines.filter(({ msg }) => msg === 'request')).toEqual([
        expect.objectContaining({ service: 'stones', path: '/v1/stones/seen', status: 200 }),
      ]),
    );
    expect(await system.metrics.metrics()).toContain('{service="stones",method="GET",route="/v1/stones/seen",status="200"}');
  });
});

describe('an answer', () => {
  test('has each header once, as often as the service says', async () => {
    const agent = new Agent();
    const [answer] = (await once(send(`${system.url}/v1/stones/two-cookies`, { agent }).end(), 'response')) as [IncomingMessage];
    answer.resume();
    const names = answer.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(names.filter((name) => name !== 'set-cookie')).toEqual([...new Set(names)].filter((name) => name !== 'set-cookie'));
    expect(names).toContain('x-content-type-options');
    agent.destroy();
  });

  test('without a body has none: HEAD, 204, 304', async () => {
    const head = await get('/v1/stones/seen', { method: 'HEAD' });
    expect([head.status, await head.text(), Number(head.headers.get('content-length')) > 0]).toEqual([200, '', true]);
    const removed = await get('/v1/stones/1', { method: 'DELETE' });
    expect([removed.status, await removed.text()]).toEqual([204, '']);
    misbehave = (_request, response) => response.writeHead(304, { etag: '"a"' }).end();
    const same = await raw('GET /v1/wild HTTP/1.1\r\nconnection: close\r\nif-none-match: "a"');
    expect([same.status, same.headers.get('etag'), same.body]).toEqual([304, '"a"', '']);
  });

  test('has the status and the problem of the service', async () => {
    const answer = await post('{"text": 1}');
    expect([answer.status, (await answer.json()) as unknown]).toEqual([400, expect.objectContaining({ code: 'validation_failed' })]);
    expect(await (await get('/v1/stones/1', { method: 'PATCH' })).json()).toMatchObject({ code: 'method_not_allowed' });
  });

  test('shows nothing of the connection behind', async () => {
    misbehave = (_request, response) =>
      response.writeHead(200, { connection: 'x-hop', 'x-hop': '1', 'proxy-authenticate': 'x', 'x-kept': '1' }).end('{}');
    const { headers } = await get('/v1/wild');
    expect([headers.get('x-hop'), headers.get('proxy-authenticate'), headers.get('x-kept')]).toEqual([null, null, '1']);
  });
});

describe('a body', () => {
  test('of more bytes than its route takes does not go to the service', async () => {
    const paths: (string | undefined)[] = [];
    misbehave = (request, response) => {
      paths.push(request.url);
      response.end('{}');
    };
    const send = (path: string, length: number) => get(path, { method: 'POST', body: 'a'.repeat(length) });
    expect((await send('/v1/wild', LARGE)).status).toBe(200);
    expect((await send('/v1/wild/kept', 16_384)).status).toBe(200);
    expect(await (await send('/v1/wild', LARGE + 1)).json()).toMatchObject({ status: 413, code: 'payload_too_large' });
    expect(await (await send('/v1/wild/kept', 16_385)).json()).toMatchObject({ status: 413, detail: 'A body may have 16384 bytes here.' });
    expect(paths).toEqual(['/v1/wild', '/v1/wild/kept']);
  });

  test.for([10, 70_000, 1_048_000])('of %i characters goes through whole', async (length) => {
    const answer = await post(JSON.stringify({ text: `${'ü'.repeat(length / 2)}end` }));
    expect([answer.status, await answer.json()]).toEqual([201, { length: length / 2 + 3, end: 'end' }]);
  });

  test('in chunks goes through whole', async () => {
    const chunks = ['{"te', `xt":"${'a'.repeat(100_000)}`, 'end"}'];
    const request = send(`${system.url}/v1/stones`, { method: 'POST', headers: { 'content-type': 'application/json' } });
    for (const chunk of chunks) request.write(chunk);
    request.end();
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    expect([answer.statusCode, JSON.parse(await text(answer))]).toEqual([201, { length: 100_003, end: 'end' }]);
  });

  test('that is too large is refused by the service, and the connection goes on', async () => {
    const socket = connect(Number(new URL(system.url).port), '127.0.0.1');
    const head = 'POST /v1/stones HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 8388608\r\n\r\n';
    socket.write(head);
    socket.write(Buffer.alloc(8_388_608, 'a'));
    socket.write('GET /v1/stones/seen HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    const statuses = [...(await text(socket)).matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status);
    expect(statuses).toEqual(['413', '200']);
  });

  test('that is announced by Expect: 100-continue is asked for', async () => {
    const body = JSON.stringify({ text: 'end' });
    const request = send(`${system.url}/v1/stones`, {
      method: 'POST',
      headers: { expect: '100-continue', 'content-type': 'application/json', 'content-length': body.length },
    });
    request.flushHeaders();
    await once(request, 'continue');
    request.end(body);
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    expect([answer.statusCode, JSON.parse(await text(answer))]).toEqual([201, { length: 3, end: 'end' }]);
  });
});

describe('what is streamed', () => {
  test('arrives as it is said, and ends for the service when the client leaves', async () => {
    const leaving = new AbortController();
    const answer = await get('/v1/stones/events', { signal: leaving.signal });
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toBe('data: 1\n\n');
    gate.resolve();
    expect((await reader?.read())?.value).toBe('data: 2\n\n');
    leaving.abort();
    await eventually(() => expect(left).toEqual(['events']));
  });

  test('is held for a client that does not read', async () => {
    const socket = connect(Number(new URL(system.url).port), '127.0.0.1');
    socket.write('GET /v1/stones/big HTTP/1.1\r\nhost: a\r\n\r\n');
    await once(socket, 'readable');
    let before = -1;
    await eventually(
      () => {
        const now = produced;
        const isStill = now === before;
        before = now;
        expect(isStill).toBe(true);
      },
      { intervalMs: 500 },
    );
    expect(produced).toBeLessThan(32 * 1_048_576);
    socket.destroy();
  });

  test('is whole for a client that reads', async () => {
    const answer = await get('/v1/stones/big');
    expect((await buffer(answer.body as never)).length).toBe(64 * 1_048_576);
  });
});

test('a request of which the client leaves ends at the service too', async () => {
  const arrived = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  misbehave = (_request, response) => {
    response.once('close', ended.resolve);
    arrived.resolve();
  };
  const leaving = new AbortController();
  const answer = get('/v1/wild', { signal: leaving.signal }).catch((error: Error) => error.name);
  await arrived.promise;
  leaving.abort();
  expect(await answer).toBe('AbortError');
  await ended.promise;
});

test('a request that is held waits for its answer', async () => {
  const answer = get('/v1/stones/held');
  gate.resolve();
  expect(await (await answer).json()).toEqual({ held: '/v1/stones/held' });
});

test('many requests at once each get their own answer', async () => {
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, n) => {
      const answer = await post(JSON.stringify({ text: `${'a'.repeat(n)}end` }));
      return ((await answer.json()) as { length: number }).length;
    }),
  );
  expect(answers).toEqual(Array.from({ length: 200 }, (_, n) => n + 3));
});

describe('a service that is away', () => {
  test('is a problem with Retry-After, while others go on', async () => {
    for (const method of ['GET', 'POST']) {
      const answer = await get('/v1/gone', { method, ...(method === 'POST' && { body: '{}' }) });
      expect([answer.status, answer.headers.get('retry-after'), answer.headers.get('content-type')]).toEqual([
        503,
        '1',
        'application/problem+json; charset=utf-8',
      ]);
      expect(await answer.json()).toMatchObject({ code: 'service_unavailable', requestId: answer.headers.get('x-correlation-id') });
    }
    expect((await get('/v1/stones/seen')).status).toBe(200);
  });

  test('is a line of the readiness, and keeps nobody from the others', async () => {
    const answer = await get('/health/ready');
    const { status, parts } = (await answer.json()) as { status: string; parts: unknown[] };
    expect([answer.status, status]).toEqual([200, 'ready']);
    expect(parts).toContainEqual({ name: 'stones', ok: true, background: true });
    expect(parts).toContainEqual({ name: 'gone', ok: false, background: true, detail: expect.stringContaining('The service gone') });
  });

  test('in the middle of an answer cuts it off', async () => {
    misbehave = (_request, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('12345', () => response.destroy());
    };
    await expect(sendRaw(system.url, 'GET /v1/wild HTTP/1.1\r\nhost: a\r\n\r\n')).rejects.toThrow('no whole answer');
    misbehave = (_request, response) => void response.write('12345', () => response.destroy());
    const answer = await get('/v1/wild');
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
    await eventually(() =>
      expect(system.lines).toContainEqual(expect.objectContaining({ msg: 'request', path: '/v1/wild', aborted: true })),
    );
  });

  test('before its answer is a problem; what can be repeated is', async () => {
    let requests = 0;
    misbehave = (request, response) => {
      requests += 1;
      if (requests === 1) request.socket.destroy();
      else response.end('{}');
    };
    expect((await get('/v1/wild')).status).toBe(200);
    requests = 0;
    expect((await get('/v1/wild', { method: 'PUT', body: '{}' })).status).toBe(200);
    requests = 0;
    expect((await get('/v1/wild', { method: 'POST', body: '{}' })).status).toBe(503);
    requests = 0;
    expect((await get('/v1/wild/kept', { method: 'POST', body: '{}' })).status).toBe(503);
    requests = 0;
    expect((await get('/v1/wild/kept', { method: 'POST', body: '{}', headers: { 'idempotency-key': 'k' } })).status).toBe(200);
  });

  test.for([
    ['on a route that does not honour it', '/v1/wild', ''],
    ['that is for this hop alone', '/v1/wild/kept', 'connection: idempotency-key\r\n'],
  ])('a key %s makes nothing safe to repeat', async ([, path, connection]) => {
    let requests = 0;
    misbehave = (request) => {
      requests += 1;
      request.socket.destroy();
    };
    const head = `POST ${path} HTTP/1.1\r\n${connection}idempotency-key: k\r\ncontent-length: 2`;
    expect([(await raw(head, '{}')).status, requests]).toEqual([503, 1]);
  });
});

test('clients that leave in the middle of their bodies are not held against the service', async () => {
  const seen: string[] = [];
  misbehave = (request, response) => {
    seen.push(request.method as string);
    request.on('error', () => {});
    request.resume().once('end', () => response.end('{}'));
  };
  for (let n = 0; n < 8; n += 1) {
    const socket = connect(Number(new URL(system.url).port), '127.0.0.1');
    socket.write(`POST /v1/wild HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n${'a'.repeat(100_000)}`);
    await eventually(() => expect(seen.length).toBe(n + 1));
    socket.destroy();
  }
  await eventually(() => expect(system.lines.filter(({ msg, status }) => msg === 'request' && status === 499).length).toBe(8));
  expect((await get('/v1/wild')).status).toBe(200);
  expect(system.lines.map(({ msg }) => msg)).not.toContain('a service is away: it is tried once a second');
});

test('the documents have what is elsewhere', async () => {
  const { paths } = (await (await get('/openapi.json')).json()) as { paths: object };
  expect(Object.keys(paths)).toContain('/v1/stones/{id}');
});

test('only a proxy that is trusted says where a client is', async () => {
  const places = { stones: { url: stones.listeningOrigin, routes: stones.declaredRoutes } };
  const seenBehind = async (trustedProxies: string) => {
    await using behindProxy = await startRemoteSystem(who, { places, trustedProxies });
    const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.7, 192.0.2.1' };
    const answer = await fetch(`${behindProxy.url}/v1/stones/seen`, { headers });
    const { address, headers: passed } = (await answer.json()) as { address: string; headers: object };
    return [address, 'x-forwarded-for' in passed];
  };
  expect(await seenBehind('127.0.0.0/8,192.0.2.0/24')).toEqual(['203.0.113.7', false]);
  expect(await seenBehind('192.0.2.0/24')).toEqual(['127.0.0.1', false]);
  expect(await seenBehind('')).toEqual(['127.0.0.1', false]);
});
