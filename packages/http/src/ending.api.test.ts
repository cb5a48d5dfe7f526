import { createLog, createMetrics } from '@stoa/service';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHttp, type Http } from './index.ts';
import { sendRaw } from './testing/index.ts';

let outer: Http;
let owner: Http;
let url: string;

const instance = (name: string) =>
  createHttp({
    name,
    title: '',
    description: '',
    version: '1',
    log: createLog({ level: 'silent' }),
    metrics: createMetrics(),
    errors: {},
    health: async () => [{ name: 'database', ok: true }],
  });

/** One that listens, and hands a request over to another, as the gateway does. */
beforeEach(async () => {
  owner = await instance('owner');
  owner.get('/v1/things', async () => ({ done: true }));
  await owner.ready();
  outer = await instance('outer');
  outer.get('/v1/own', async () => ({ done: true }));
  outer.route({
    method: ['GET', 'POST'],
    url: '/v1/things',
    exposeHeadRoute: false,
    onRequest: (request, reply) => {
      reply.hijack();
      owner.routing(request.raw, reply.raw);
    },
    handler: async () => ({}),
  });
  url = await outer.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(async () => {
  await outer.close();
  await owner.close();
});

const get = (path: string) => sendRaw(url, `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);

test('a draining process answers as before, and closes each connection with the answer', async () => {
  for (const path of ['/v1/own', '/v1/things', '/v1/nothing']) {
    expect((await get(path)).headers.get('connection')).not.toBe('close');
  }
  outer.drain();
  for (const [path, status] of [
    ['/v1/own', 200],
    ['/v1/things', 200],
    ['/v1/nothing', 404],
  ] as const) {
    const answer = await get(path);
    expect([path, answer.status, answer.headers.get('connection')]).toEqual([path, status, 'close']);
  }
  const refused = await sendRaw(url, 'POST /v1/things HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}');
  expect([refused.status, refused.headers.get('connection')]).toEqual([405, 'close']);
});

test('a draining process is live and not ready', async () => {
  outer.drain();
  const ready = await get('/health/ready');
  expect([ready.status, JSON.parse(ready.body)]).toEqual([
    503,
    {
      status: 'not ready',
      parts: [
        { name: 'process', ok: false, detail: expect.stringContaining('draining') },
        { name: 'database', ok: true },
      ],
    },
  ]);
  expect((await get('/health/live')).status).toBe(200);
});
