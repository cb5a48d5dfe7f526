import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createLog, createMetrics } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHttp, type Http } from './index.ts';
import { sendRaw } from './testing/index.ts';

/** What only a real connection shows. The limits are ours, shortened. */
const limits = { bodyBytes: 1_000, headersMs: 200, requestMs: 400, checkMs: 20, closeHalfMs: 50, closeMs: 2_000 };
let lines: Record<string, unknown>[];
let served: unknown[];
let http: Http;
let url: string;
/** Holds the answers of `/v1/slow` back. */
let gate: PromiseWithResolvers<void>;

beforeEach(async () => {
  lines = [];
  served = [];
  gate = Promise.withResolvers();
  const log = createLog({ destination: { write: (line: string) => void lines.push(JSON.parse(line)) } });
  const health = async () => [];
  http = await createHttp({
    name: 'things',
    title: '',
    description: '',
    version: '1',
    log,
    metrics: createMetrics(),
    errors: {},
    health,
    limits,
  });
  http.get('/v1/things/:id', async ({ params }) => params);
  http.get('/v1/slow', async () => {
    served.push('slow');
    await gate.promise;
    return { done: true };
  });
  const body = Type.Object({ name: Type.String() }, { additionalProperties: false });
  http.post('/v1/things', { schema: { body } }, async (request) => {
    served.push(request.body.name);
    return { name: request.body.name };
  });
  url = await http.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(async () => {
  gate.resolve();
  await http.close();
});

const open = (): Socket => connect(Number(new URL(url).port), '127.0.0.1');
const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nhost: a\r\n${more}\r\n`;
const post = (body: string, more = `content-length: ${body.length}\r\n`) =>
  `POST /v1/things HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n${more}\r\n${body}`;
const statuses = (answers: string) => [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
const requestLines = () => lines.filter(({ msg }) => msg === 'request');

describe('a slow client is cut off with a problem', () => {
  test.for([
    ['in its headers', 'GET /v1/things/1 HTTP/1.1\r\nhost: a\r\n'],
    ['in its body', post('{"na', 'content-length: 100\r\n')],
    ['in its chunks', post('4\r\n{"na\r\n', 'transfer-encoding: chunked\r\n')],
  ] as const)('%s', async ([, bytes]) => {
    const answer = await sendRaw(url, bytes);
    expect(answer.status).toBe(408);
    expect(answer.headers.get('connection')).toBe('close');
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'request_timeout', requestId: answer.headers.get('x-correlation-id') });
    expect(served).toEqual([]);
    expect(lines).not.toContainEqual(expect.objectContaining({ level: 'error' }));
  });
});

describe('a body', () => {
  test('that grows beyond the limit chunk by chunk is refused', async () => {
    const chunk = `c8\r\n${'a'.repeat(200)}\r\n`;
    const answer = await sendRaw(url, post(`${chunk.repeat(6)}0\r\n\r\n`, 'transfer-encoding: chunked\r\n'));
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([413, 'payload_too_large']);
  });

  test('far beyond the limit still lets its sender read the refusal', async () => {
    const answer = await sendRaw(url, post('a'.repeat(5_000_000)));
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([413, 'payload_too_large']);
    // Were it closed with bytes unread, the reset would now and then be faster than the answer.
    expect(answer.headers.get('connection')).not.toBe('close');
  });

  test('is asked for where the client waits for it', async () => {
    const socket = open();
    socket.write(post('', 'content-length: 12\r\nexpect: 100-continue\r\nconnection: close\r\n'));
    await new Promise((resolve) => socket.once('data', resolve)).then((data) => expect(String(data)).toMatch(/^HTTP\/1\.1 100 /));
    socket.write('{"name":"a"}');
    expect(await text(socket)).toContain('HTTP/1.1 200');
  });

  test('is taken whatever else the client expects', async () => {
    expect((await sendRaw(url, post('{"name":"a"}', 'content-length: 12\r\nexpect: tea\r\n'))).status).toBe(200);
  });

  test('cannot smuggle a second request in', async () => {
    const hidden =
      '0\r\n\r\nPOST /v1/things HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n{"name":"hidden"}';
    const socket = open();
    socket.end(post(hidden, `content-length: ${hidden.length}\r\ntransfer-encoding: chunked\r\n`));
    expect(statuses(await text(socket))).toEqual([400]);
    expect(served).toEqual([]);
  });
});

describe('a connection', () => {
  test('carries several requests at once, answered in order, each with its own id', async () => {
    const socket = open();
    socket.write(['1', '2', '3'].map((id) => get(`/v1/things/${id}`, `x-correlation-id: c-${id}\r\n`)).join(''));
    socket.write(get('/v1/things/4', 'connection: close\r\n'));
    const answers = await text(socket);
    expect(statuses(answers)).toEqual([200, 200, 200, 200]);
    expect([...answers.matchAll(/"id":"(\d)"/g)].map(([, id]) => id)).toEqual(['1', '2', '3', '4']);
    expect([...answers.matchAll(/x-correlation-id: (c-\d)/g)].map(([, id]) => id)).toEqual(['c-1', 'c-2', 'c-3']);
  });

  test('is kept after a refusal', async () => {
    const socket = open();
    socket.write(get('/v1/nothing') + post('{"nam'.padEnd(10, 'e')) + get('/v1/things/1', 'connection: close\r\n'));
    expect(statuses(await text(socket))).toEqual([404, 400, 200]);
  });

  test.for([
    ['a path that is no UTF-8', get('/v1/things/%ff'), 400, 'malformed_request'],
    ['no Host', 'GET /v1/things/1 HTTP/1.1\r\n\r\n', 400, 'malformed_request'],
    ['two Hosts', get('/v1/things/1', 'HOST: b\r\n'), 400, 'malformed_request'],
    ['a parameter that is too long', get(`/v1/things/${'a'.repeat(300)}`), 404, 'not_found'],
  ] as const)('%s: the refusal has the id and the headers of any other', async ([, bytes, status, code]) => {
    const answer = await sendRaw(url, bytes);
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([status, code]);
    expect(JSON.parse(answer.body).requestId).toBe(answer.headers.get('x-correlation-id'));
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    await eventually(() => expect(requestLines()).toEqual([expect.objectContaining({ status })]));
  });

  test('takes a target with an authority, as a proxy sends it', async () => {
    expect((await sendRaw(url, get('http://example.com/v1/things/1'))).status).toBe(200);
    const wrong = await sendRaw(url, 'DELETE http://example.com/v1/things/1?x HTTP/1.1\r\nhost: a\r\n\r\n');
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('a client that leaves', () => {
  test('in the middle of its body is logged, and is no error of ours', async () => {
    const socket = open();
    socket.write(post('{"name', 'content-length: 100\r\n'), () => setImmediate(() => socket.destroy()));
    await eventually(() => expect(requestLines()).toEqual([expect.objectContaining({ aborted: true, method: 'POST' })]));
    expect(lines.filter(({ level }) => level !== 'info')).toEqual([]);
    expect(served).toEqual([]);
  });

  test('before its answer is logged with a status of its own; the late answer does no harm', async () => {
    const socket = open();
    socket.write(get('/v1/slow'));
    await eventually(() => expect(served).toEqual(['slow']));
    socket.destroy();
    await eventually(() => expect(requestLines()).toEqual([expect.objectContaining({ aborted: true, status: 499 })]));
    gate.resolve();
    expect((await sendRaw(url, get('/v1/things/1'))).status).toBe(200);
    expect(lines.filter(({ level }) => level !== 'info')).toEqual([]);
  });
});

test('a close lets requests in progress finish, and refuses what still comes over a kept connection', async () => {
  const inHand = sendRaw(url, get('/v1/slow'));
  await eventually(() => expect(served).toEqual(['slow']));
  // The second request of this connection waits behind the first, as Node would close an idle one.
  const kept = open();
  kept.write(get('/v1/slow'));
  await eventually(() => expect(served).toEqual(['slow', 'slow']));
  const closed = http.close();
  await eventually(() => expect(http.ending.aborted).toBe(true));
  kept.write(get('/v1/things/1'));
  gate.resolve();
  const answers = await text(kept);
  expect((await inHand).status).toBe(200);
  expect(statuses(answers)).toEqual([200, 503]);
  const refusal = answers.slice(answers.indexOf('HTTP/1.1 503'));
  expect(refusal.toLowerCase()).toMatch(/content-type: application\/problem\+json/);
  expect(refusal).toContain('"service_unavailable"');
  expect(refusal.toLowerCase()).toMatch(/retry-after: 1\r\n/);
  expect(refusal.toLowerCase()).toMatch(/connection: close\r\n/);
  await closed;
});

describe('a close is not held', () => {
  test.for([
    ['half a head', 'GET /v1/thi'],
    ['half a body', post('{"na', 'content-length: 100\r\n')],
  ] as const)('by %s, which is refused', async ([, half]) => {
    const socket = open();
    socket.write(get('/v1/things/1') + half);
    await new Promise((resolve) => socket.once('data', resolve));
    const answers = text(socket);
    await http.close();
    expect(statuses(await answers)).toEqual([408]);
  });

  test('by the rest of a body that nobody waits for', async () => {
    const socket = open();
    socket.write(post('{"na', 'content-length: 5000\r\n'));
    await new Promise((resolve) => socket.once('data', resolve)).then((data) => expect(String(data)).toMatch(/^HTTP\/1\.1 413 /));
    await http.close();
  });

  test('by an answer that does not come: its connection is cut', async () => {
    const socket = open();
    socket.write(get('/v1/slow'));
    await eventually(() => expect(served).toEqual(['slow']));
    const answers = text(socket).catch(() => '');
    await http.close();
    expect(await answers).toBe('');
  });
});
