import { connect } from 'node:net';
import { sendRaw } from '@stoa/http/testing';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ProxiedServices, startProxiedServices } from '../testing/proxied-services.ts';

let system: ProxiedServices;
beforeAll(async () => {
  system = await startProxiedServices();
});
beforeEach(() => system.reset());
afterAll(() => system[Symbol.asyncDispose]());

test('a request whose client leaves ends at the service too', async () => {
  const arrived = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  system.wild.answer = (_request, response) => {
    response.once('close', ended.resolve);
    arrived.resolve();
  };
  const leaving = new AbortController();
  const answer = system.get('/v1/wild', { signal: leaving.signal }).catch((error: Error) => error.name);
  await arrived.promise;
  leaving.abort();
  expect(await answer).toBe('AbortError');
  await ended.promise;
});

describe('a service that is away', () => {
  test('is a problem with Retry-After, while others go on', async () => {
    for (const method of ['GET', 'POST']) {
      const answer = await system.get('/v1/gone', { method, ...(method === 'POST' && { body: '{}' }) });
      expect([answer.status, answer.headers.get('retry-after'), answer.headers.get('content-type')]).toEqual([
        503,
        '1',
        'application/problem+json; charset=utf-8',
      ]);
      expect(await answer.json()).toMatchObject({ code: 'service_unavailable', requestId: answer.headers.get('x-correlation-id') });
    }
    expect((await system.get('/v1/stones/seen')).status).toBe(200);
  });

  test('is a line of the readiness, and leaves the gateway ready for the others', async () => {
    const answer = await system.get('/health/ready');
    const { status, parts } = (await answer.json()) as { status: string; parts: unknown[] };
    expect([answer.status, status]).toEqual([200, 'degraded']);
    expect(parts).toContainEqual({ name: 'stones', ok: true, background: true });
    expect(parts).toContainEqual({ name: 'gone', ok: false, background: true, detail: expect.stringContaining('The service gone') });
  });

  test('in the middle of an answer cuts it off', async () => {
    system.wild.answer = (_request, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('12345', () => response.destroy());
    };
    await expect(sendRaw(system.url, 'GET /v1/wild HTTP/1.1\r\nhost: a\r\n\r\n')).rejects.toThrow('no whole answer');
    system.wild.answer = (_request, response) => void response.write('12345', () => response.destroy());
    const answer = await system.get('/v1/wild');
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
    await eventually(() =>
      expect(system.lines).toContainEqual(expect.objectContaining({ msg: 'request', path: '/v1/wild', aborted: true })),
    );
  });

  test('before its answer is a problem; what can be repeated is', async () => {
    let requests = 0;
    system.wild.answer = (request, response) => {
      requests += 1;
      if (requests === 1) request.socket.destroy();
      else response.end('{}');
    };
    expect((await system.get('/v1/wild')).status).toBe(200);
    requests = 0;
    expect((await system.get('/v1/wild', { method: 'PUT', body: '{}' })).status).toBe(200);
    requests = 0;
    expect((await system.get('/v1/wild', { method: 'POST', body: '{}' })).status).toBe(503);
    requests = 0;
    expect((await system.get('/v1/wild/kept', { method: 'POST', body: '{}' })).status).toBe(503);
    requests = 0;
    expect((await system.get('/v1/wild/kept', { method: 'POST', body: '{}', headers: { 'idempotency-key': 'k' } })).status).toBe(200);
  });

  test.for([
    ['on a route that does not honour it', '/v1/wild', ''],
    ['that is for this hop alone', '/v1/wild/kept', 'connection: idempotency-key\r\n'],
  ])('a key %s makes nothing safe to repeat', async ([, path, connection]) => {
    let requests = 0;
    system.wild.answer = (request) => {
      requests += 1;
      request.socket.destroy();
    };
    const head = `POST ${path} HTTP/1.1\r\n${connection}idempotency-key: k\r\ncontent-length: 2`;
    expect([(await system.raw(head, '{}')).status, requests]).toEqual([503, 1]);
  });
});

test('clients that leave in the middle of their bodies do not count as failures of the service', async () => {
  const seen: string[] = [];
  system.wild.answer = (request, response) => {
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
  expect((await system.get('/v1/wild')).status).toBe(200);
  expect(system.lines.map(({ msg }) => msg)).not.toContain('a service is away: it is tried once a second');
});
