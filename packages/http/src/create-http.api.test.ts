import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { createLog, createMetrics, defineErrors, type Logger } from '@stoa/service';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHttp, type Http, problems, Text } from './index.ts';
import { declaredCodes } from './testing/index.ts';

const errors = defineErrors({ thing_taken: { kind: 'conflict', title: 'Taken.', cause: 'c', fix: 'f' } });
const lines: string[] = [];
const log: Logger = createLog({ destination: { write: (line: string) => void lines.push(line) } });
let http: Http;
let isHealthy = true;
let isRelayLate = false;

beforeEach(async () => {
  lines.length = 0;
  isHealthy = true;
  isRelayLate = false;
  const health = async () => [
    { name: 'database', ok: isHealthy, ...(isHealthy ? {} : { detail: 'gone' }) },
    ...(isRelayLate ? [{ name: 'relay', ok: false, background: true as const }] : []),
  ];
  http = await createHttp({
    name: 'things',
    title: 'Things',
    description: 'Things.',
    version: '1',
    log,
    metrics: createMetrics(),
    errors: errors.catalogue,
    health,
  });
  const Body = Type.Object(
    {
      name: Text({ minLength: 1, maxLength: 20 }),
      note: Type.Optional(Text({ maxLength: 50, multiline: true })),
      count: Type.Optional(Type.Integer()),
    },
    { additionalProperties: false },
  );
  http.post(
    '/v1/things',
    { schema: { body: Body, response: { 200: Type.Any(), ...problems(errors, 'thing_taken') } } },
    async ({ body }) => {
      if (body.name === 'taken') throw errors.thing_taken({ retryAfterSeconds: 1.2 });
      if (body.name === 'bug') throw new Error('password=hunter2');
      return body;
    },
  );
  http.get(
    '/v1/things/:id',
    { schema: { querystring: Type.Object({ limit: Type.Integer({ minimum: 1, default: 20 }) }, { additionalProperties: false }) } },
    async ({ query }) => query,
  );
  await http.ready();
});
afterEach(() => http.close());

const post = (payload: unknown, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  http.inject({ method: 'POST', url: '/v1/things', headers, payload: payload as string });

describe('errors are problems', () => {
  test('of the service, with status, code, page and Retry-After', async () => {
    const answer = await post({ name: 'taken' });
    expect(answer.statusCode).toBe(409);
    expect(answer.headers).toMatchObject({ 'content-type': 'application/problem+json; charset=utf-8', 'retry-after': '2' });
    expect(answer.json()).toEqual({
      type: '/problems/thing_taken',
      title: 'Taken.',
      status: 409,
      code: 'thing_taken',
      detail: 'Taken.',
      requestId: answer.headers['x-correlation-id'],
    });
  });

  test('of our own are shown in the log and not to the client', async () => {
    const answer = await post({ name: 'bug' });
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('hunter2');
    expect(lines.join('')).toContain('hunter2');
    expect(answer.json()).toMatchObject({ code: 'internal_error' });
  });

  test('of the form name each field', async () => {
    const answer = await post({ nam: 1, count: '3' });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().errors).toEqual(
      expect.arrayContaining([
        { path: '/name', message: 'is required' },
        { path: '/nam', message: 'is not known here' },
        { path: '/count', message: 'must be integer' },
      ]),
    );
  });

  test('404 for no path, 405 with Allow for another method', async () => {
    expect((await http.inject('/v1/nothing')).json()).toMatchObject({ status: 404, code: 'not_found' });
    const wrong = await http.inject({ method: 'DELETE', url: '/v1/things/7' });
    expect(wrong.statusCode).toBe(405);
    expect(wrong.headers['allow']).toBe('GET, HEAD');
    expect(wrong.json().code).toBe('method_not_allowed');
  });
});

describe('bodies', () => {
  test('are normalised to NFC', async () => {
    expect((await post({ name: 'e\u0301' })).json()).toEqual({ name: '\u00e9' });
  });

  test('are not coerced, queries are', async () => {
    expect((await post({ name: 'a', count: '1' })).statusCode).toBe(400);
    expect((await http.inject('/v1/things/1?limit=5')).json()).toEqual({ limit: 5 });
    expect((await http.inject('/v1/things/1?limit=0')).json()).toMatchObject({
      code: 'validation_failed',
      errors: [{ path: '/query/limit' }],
    });
    expect((await http.inject('/v1/things/1?other=1')).json()).toMatchObject({
      errors: [{ path: '/query/other', message: 'is not known here' }],
    });
  });

  test.for([
    ['malformed JSON', '{"name":', 400, 'malformed_json'],
    ['nothing', '', 400, 'malformed_json'],
    ['bytes that are not UTF-8', Buffer.from('{"name":"\xff"}', 'latin1'), 400, 'malformed_json'],
    ['a prototype key', '{"name":"a","__proto__":{"x":1}}', 400, 'malformed_json'],
    ['100 levels', `{"name":${'['.repeat(100)}${']'.repeat(100)}}`, 400, 'validation_failed'],
    ['NUL', '{"name":"a\\u0000b"}', 400, 'validation_failed'],
    ['a lone surrogate', '{"name":"\\ud800"}', 400, 'validation_failed'],
    ['a line break in a single line', '{"name":"a\\r\\nb"}', 400, 'validation_failed'],
    ['more than 16 KiB', `{"name":"${'a'.repeat(16_384)}"}`, 413, 'payload_too_large'],
    ['more values than there is room for', `{"name":[${'[],'.repeat(30)}1]}`, 400, 'validation_failed'],
    ['a number', '5', 400, 'validation_failed'],
  ] as const)('%s is refused', async ([, payload, status, code]) => {
    const answer = await post(payload);
    expect([answer.statusCode, answer.json().code]).toEqual([status, code]);
  });

  test('line breaks are allowed where several lines are', async () => {
    expect((await post({ name: 'a', note: 'x\n\ty' })).statusCode).toBe(200);
  });

  test('of another type are refused', async () => {
    expect((await post('name=a', { 'content-type': 'application/x-www-form-urlencoded' })).statusCode).toBe(415);
    expect((await post('{"name":"a"}', { 'content-type': 'text/plain' })).json().code).toBe('unsupported_media_type');
  });
});

test('every answer has the security headers and a correlation id; one log line, without the query', async () => {
  const answer = await http.inject({ url: '/v1/things/1?limit=5', headers: { 'x-correlation-id': 'my-id' } });
  expect(answer.headers).toMatchObject({ 'x-correlation-id': 'my-id', 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
  expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({
      msg: 'request',
      service: 'things',
      method: 'GET',
      path: '/v1/things/1',
      status: 200,
      correlationId: 'my-id',
    }),
  ]);
  expect((await http.inject('/metrics')).body).toContain(
    'http_request_duration_seconds_count{service="things",method="GET",route="/v1/things/:id",status="200"} 1',
  );
});

test('readiness lists each part and is 503 while one is away; liveness is not affected', async () => {
  expect((await http.inject('/health/ready')).json()).toEqual({ status: 'ready', parts: [{ name: 'database', ok: true }] });
  isHealthy = false;
  const answer = await http.inject('/health/ready');
  expect(answer.statusCode).toBe(503);
  expect(answer.json()).toEqual({ status: 'not ready', parts: [{ name: 'database', ok: false, detail: 'gone' }] });
  expect((await http.inject('/health/live')).statusCode).toBe(200);
});

test('a failing background part does not take the service out of rotation', async () => {
  isRelayLate = true;
  const answer = await http.inject('/health/ready');
  expect(answer.statusCode).toBe(200);
  expect(answer.json().parts).toContainEqual({ name: 'relay', ok: false, background: true });
});

test('the description of a route names what it and what any route can answer, an error once', () => {
  expect(declaredCodes(http, 'POST', '/v1/things')).toEqual({
    400: ['malformed_json', 'malformed_request', 'validation_failed'],
    408: ['request_timeout'],
    409: ['thing_taken'],
    413: ['payload_too_large'],
    415: ['unsupported_media_type'],
    429: ['rate_limited'],
    431: ['headers_too_large'],
    500: ['internal_error'],
    503: ['service_unavailable'],
  });
  expect(declaredCodes(http, 'GET', '/health/live')[400]).toEqual(['malformed_request']);
});

test('parameters keep the rules of texts, and are given once', async () => {
  const nul = await http.inject('/v1/things/1?limit=5%00');
  expect(nul.json()).toMatchObject({
    status: 400,
    code: 'validation_failed',
    errors: [{ path: '/query/limit', message: 'must not contain control characters' }],
  });
  expect((await http.inject('/v1/things/1?limit=1&limit=2')).json()).toMatchObject({
    code: 'validation_failed',
    errors: [{ path: '/query/limit' }],
  });
  expect((await http.inject('/v1/things/1?__proto__=1')).statusCode).toBe(400);
});

test('a schema that admits unknown properties keeps the service from starting', () => {
  expect(() => http.post('/v1/open', { schema: { body: Type.Object({}) } }, async () => ({}))).toThrow();
});

describe('on the socket', () => {
  const raw = async (bytes: string) => {
    const address = http.server.address() as { port: number } | null;
    const port = address?.port ?? Number(new URL(await http.listen({ port: 0, host: '127.0.0.1' })).port);
    const socket = connect(port, '127.0.0.1');
    socket.write(bytes);
    return text(socket);
  };

  test.for([
    ['no HTTP', 'hello\r\n\r\n', 400, 'malformed_request'],
    ['huge headers', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'a'.repeat(60_000)}\r\n\r\n`, 431, 'headers_too_large'],
    ['a path that is not percent-encoded UTF-8', 'GET /%ff HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n', 400, 'malformed_request'],
    ['two lengths', 'POST /v1/things HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', 400, 'malformed_request'],
  ] as const)('%s is answered by a problem', async ([, bytes, status, code]) => {
    const answer = await raw(bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer.toLowerCase()).toContain('content-type: application/problem+json');
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toMatchObject({ status, code });
  });
});
