import { once } from 'node:events';
import { Agent, type IncomingMessage, request as send } from 'node:http';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ProxiedServices, startProxiedServices } from '../testing/proxied-services.ts';

let system: ProxiedServices;
beforeAll(async () => {
  system = await startProxiedServices();
});
beforeEach(() => system.reset());
afterAll(() => system[Symbol.asyncDispose]());

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
    const head = await system.get('/v1/stones/seen', { method: 'HEAD' });
    expect([head.status, await head.text(), Number(head.headers.get('content-length')) > 0]).toEqual([200, '', true]);
    const removed = await system.get('/v1/stones/1', { method: 'DELETE' });
    expect([removed.status, await removed.text()]).toEqual([204, '']);
    system.wild.answer = (_request, response) => response.writeHead(304, { etag: '"a"' }).end();
    const same = await system.raw('GET /v1/wild HTTP/1.1\r\nconnection: close\r\nif-none-match: "a"');
    expect([same.status, same.headers.get('etag'), same.body]).toEqual([304, '"a"', '']);
  });

  test('has the status and the problem of the service', async () => {
    const answer = await system.post('{"text": 1}');
    expect([answer.status, (await answer.json()) as unknown]).toEqual([400, expect.objectContaining({ code: 'validation_failed' })]);
    expect(await (await system.get('/v1/stones/1', { method: 'PATCH' })).json()).toMatchObject({ code: 'method_not_allowed' });
  });

  test('shows nothing of the connection behind', async () => {
    system.wild.answer = (_request, response) =>
      response.writeHead(200, { connection: 'x-hop', 'x-hop': '1', 'proxy-authenticate': 'x', 'x-kept': '1' }).end('{}');
    const { headers } = await system.get('/v1/wild');
    expect([headers.get('x-hop'), headers.get('proxy-authenticate'), headers.get('x-kept')]).toEqual([null, null, '1']);
  });
});

describe('what is streamed', () => {
  test('arrives as it is sent, and ends for the service when the client leaves', async () => {
    const leaving = new AbortController();
    const answer = await system.get('/v1/stones/events', { signal: leaving.signal });
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toBe('data: 1\n\n');
    system.stones.gate.resolve();
    expect((await reader?.read())?.value).toBe('data: 2\n\n');
    leaving.abort();
    await eventually(() => expect(system.stones.left).toEqual(['events']));
  });

  test('is held for a client that does not read', async () => {
    const socket = connect(Number(new URL(system.url).port), '127.0.0.1');
    socket.write('GET /v1/stones/big HTTP/1.1\r\nhost: a\r\n\r\n');
    await once(socket, 'readable');
    let before = -1;
    await eventually(
      () => {
        const now = system.stones.produced;
        const isStill = now === before;
        before = now;
        expect(isStill).toBe(true);
      },
      { intervalMs: 500 },
    );
    expect(system.stones.produced).toBeLessThan(32 * 1_048_576);
    socket.destroy();
  });

  test('is whole for a client that reads', async () => {
    const answer = await system.get('/v1/stones/big');
    expect((await buffer(answer.body as never)).length).toBe(64 * 1_048_576);
  });
});

test('a request that is held waits for its answer', async () => {
  const answer = system.get('/v1/stones/held');
  system.stones.gate.resolve();
  expect(await (await answer).json()).toEqual({ held: '/v1/stones/held' });
});

test('many requests at once each get their own answer', async () => {
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, n) => {
      const answer = await system.post(JSON.stringify({ text: `${'a'.repeat(n)}end` }));
      return ((await answer.json()) as { length: number }).length;
    }),
  );
  expect(answers).toEqual(Array.from({ length: 200 }, (_, n) => n + 3));
});

test('the documents have what is elsewhere', async () => {
  const { paths } = (await (await system.get('/openapi.json')).json()) as { paths: object };
  expect(Object.keys(paths)).toContain('/v1/stones/{id}');
});
