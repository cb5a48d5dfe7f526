import type { ServerResponse } from 'node:http';
import { createLog, createMetrics } from '@stoa/service';
import { expect, test } from 'vitest';
import { createHttp, setDefaultHeader } from './index.ts';

/** Ways to write an answer, each with a policy and a header of its own. */
const WAYS: Record<string, (response: ServerResponse) => void> = {
  'a head in one piece': (response) => response.writeHead(200, { 'referrer-policy': 'origin', 'x-own': 'a' }).end('{}'),
  'a head with a reason': (response) => response.writeHead(200, 'Fine', { 'referrer-policy': 'origin', 'x-own': 'a' }).end('{}'),
  'a head as a list': (response) => response.writeHead(200, ['referrer-policy', 'origin', 'x-own', 'a']).end('{}'),
  'header after header': (response) => {
    response.setHeader('referrer-policy', 'origin');
    response.setHeader('x-own', 'a');
    response.end('{}');
  },
  'header after header, and a head': (response) => {
    response.setHeader('x-own', 'b');
    response.setHeader('referrer-policy', 'origin');
    response.writeHead(200, { 'x-own': 'a' }).end('{}');
  },
  'a head that leaves before the body': (response) => {
    response.setHeader('referrer-policy', 'origin');
    response.setHeader('x-own', 'a');
    response.flushHeaders();
    response.end('{}');
  },
};

test.each(Object.entries(WAYS))('%s: the headers that it sets win, and the rest have their defaults', async (_name, write) => {
  await using stack = new AsyncDisposableStack();
  const log = createLog({ level: 'silent' });
  const options = { name: 'things', title: '', description: '', version: '1', log, metrics: createMetrics(), errors: {} };
  const http = stack.adopt(await createHttp({ ...options, health: async () => [] }), (each) => each.close());
  http.get('/v1/things', (_request, reply) => {
    reply.hijack();
    setDefaultHeader(reply.raw, 'x-late', 'c');
    write(reply.raw);
  });
  const url = await http.listen({ port: 0, host: '127.0.0.1' });
  const answer = await fetch(`${url}/v1/things`, { headers: { 'x-correlation-id': 'c-1' } });
  expect([answer.status, await answer.text()]).toEqual([200, '{}']);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'x-own': 'a',
    'referrer-policy': 'origin',
    'x-late': 'c',
    'x-correlation-id': 'c-1',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });
});
