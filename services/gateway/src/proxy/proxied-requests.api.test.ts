import { once } from 'node:events';
import { type IncomingMessage, request as send } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { sendRaw } from '@stoa/http/testing';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ProxiedServices, startProxiedServices } from '../testing/proxied-services.ts';
import { startRemoteSystem } from '../testing/remote-system.ts';
import { LARGE } from '../testing/stones-service.ts';

let system: ProxiedServices;
beforeAll(async () => {
  system = await startProxiedServices();
});
beforeEach(() => system.reset());
afterAll(() => system[Symbol.asyncDispose]());

describe('a request to a service elsewhere', () => {
  test('arrives in the context of the edge, with the client IP', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const answer = await system.get('/v1/stones/seen', { headers: { 'x-correlation-id': 'c-1', traceparent, 'accept-language': 'eo' } });
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
        await system.raw(
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

  test('has its token verified by the service', async () => {
    const status = async (headers: Record<string, string>) => (await system.get('/v1/stones/mine', { headers })).status;
    expect([await status({}), await status({ authorization: await system.who.person() })]).toEqual([401, 200]);
  });

  test('is logged and measured at the gateway under its service and route', async () => {
    await system.get('/v1/stones/seen?a=b');
    await eventually(() =>
      expect(system.lines.filter(({ msg }) => msg === 'request')).toEqual([
        expect.objectContaining({ service: 'stones', path: '/v1/stones/seen', status: 200 }),
      ]),
    );
    expect(await system.metrics.metrics()).toContain('{service="stones",method="GET",route="/v1/stones/seen",status="200"}');
  });
});

describe('a body', () => {
  test('of more bytes than its route takes does not go to the service', async () => {
    const paths: (string | undefined)[] = [];
    system.wild.answer = (request, response) => {
      paths.push(request.url);
      response.end('{}');
    };
    const send = (path: string, length: number) => system.get(path, { method: 'POST', body: 'a'.repeat(length) });
    expect((await send('/v1/wild', LARGE)).status).toBe(200);
    expect((await send('/v1/wild/kept', 16_384)).status).toBe(200);
    expect(await (await send('/v1/wild', LARGE + 1)).json()).toMatchObject({ status: 413, code: 'payload_too_large' });
    expect(await (await send('/v1/wild/kept', 16_385)).json()).toMatchObject({ status: 413, detail: 'A body may have 16384 bytes here.' });
    expect(paths).toEqual(['/v1/wild', '/v1/wild/kept']);
  });

  test.for([10, 70_000, 1_048_000])('of %i characters goes through whole', async (length) => {
    const answer = await system.post(JSON.stringify({ text: `${'ü'.repeat(length / 2)}end` }));
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

test('only a trusted proxy names the IP address of a client', async () => {
  const places = { stones: { url: system.stones.http.listeningOrigin, routes: system.stones.http.declaredRoutes } };
  const seenBehind = async (trustedProxies: string) => {
    await using behindProxy = await startRemoteSystem(system.who, { places, trustedProxies });
    const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.7, 192.0.2.1' };
    const answer = await fetch(`${behindProxy.url}/v1/stones/seen`, { headers });
    const { address, headers: passed } = (await answer.json()) as { address: string; headers: object };
    return [address, 'x-forwarded-for' in passed];
  };
  expect(await seenBehind('127.0.0.0/8,192.0.2.0/24')).toEqual(['203.0.113.7', false]);
  expect(await seenBehind('192.0.2.0/24')).toEqual(['127.0.0.1', false]);
  expect(await seenBehind('')).toEqual(['127.0.0.1', false]);
});
