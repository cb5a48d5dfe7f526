import { createLog, createMetrics, defineErrors } from '@stoa/service';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttp, type Http } from './index.ts';
import { thingsHttp } from './testing/things.ts';

const errors = defineErrors({ unknown_guest: { kind: 'unauthenticated', title: 'Who?', cause: 'c', fix: 'f' } });
let http: Http;

beforeAll(async () => {
  http = await createHttp({
    name: 'guests',
    title: 'Guests',
    description: '',
    version: '1',
    log: createLog({ level: 'silent' }),
    metrics: createMetrics(),
    errors: errors.catalogue,
    health: async () => [],
  });
  const body = Type.Object({ seats: Type.Optional(Type.Integer()), price: Type.Optional(Type.Number()) }, { additionalProperties: false });
  http.post('/open', { schema: { body } }, async (request) => request.body);
  http.post('/large', { bodyLimit: 100_000, schema: { body } }, async (request) => request.body);
  const onRequest = async () => {
    throw errors.unknown_guest();
  };
  http.post('/bare', async (request) => ({ body: request.body ?? null }));
  http.delete('/bare', async () => ({}));
  http.post('/guarded', { schema: { body }, onRequest }, async () => ({}));
  await http.ready();
});
afterAll(() => http.close());

const post = (url: string, payload: string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  http.inject({ method: 'POST', url, headers, payload });

describe('what the headers show of a body is checked before the credentials, the rest after', () => {
  test.for([
    ['too long', 413, '{}', { 'content-type': 'application/json', 'content-length': '10485760' }],
    ['another type', 415, '{}', { 'content-type': 'text/plain' }],
    ['no type', 415, '{}', {}],
    ['another type, in chunks', 415, '{}', { 'content-type': 'text/plain', 'transfer-encoding': 'chunked' }],
    ['malformed', 401, '{', { 'content-type': 'application/json' }],
    ['nothing', 401, '', {}],
  ] as const)('%s: %d', async ([, status, payload, headers]) => {
    const answer = await post('/guarded', payload, headers);
    expect([answer.statusCode, answer.json().status]).toEqual([status, status]);
  });

  test.for([
    ['PUT', '/guarded', 'text/plain', 405],
    ['PUT', '/guarded', 'application/json', 405],
    ['POST', '/nowhere', 'application/json', 404],
  ] as const)('%s %s with a wrong body of %s: %d before all of them', async ([method, url, type, status]) => {
    const answer = await http.inject({ method, url, headers: { 'content-type': type }, payload: '{' });
    expect(answer.statusCode).toBe(status);
  });
});

test.for([
  ['application/json', 200],
  ['Application/JSON; Charset="UTF-8"', 200],
  ['application/json;charset=utf8;version=1', 200],
  ['application/json; charset=utf-16', 415],
  ['application/json; charset=utf-8x', 415],
  ['application/jsonp', 415],
  ['application/merge-patch+json', 415],
] as const)('%s is answered %d', async ([type, status]) => {
  expect((await post('/open', '{}', { 'content-type': type })).statusCode).toBe(status);
});

test('a compressed body is refused, whatever its type', async () => {
  const answer = await post('/open', '{}', { 'content-type': 'application/json', 'content-encoding': 'gzip' });
  expect(answer.json()).toMatchObject({ status: 415, code: 'unsupported_media_type' });
  expect((await post('/open', '{}', { 'content-type': 'application/json', 'content-encoding': 'identity' })).statusCode).toBe(200);
});

test.for(['seats', 'price'])('an infinite value of %s is not a number', async (name) => {
  expect((await post('/open', `{"${name}":1e999}`)).json()).toMatchObject({ status: 400, errors: [{ path: `/${name}` }] });
});

const unknown = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 1]));

test('each of twenty unknown names is reported; a body with more is not parsed', async () => {
  expect((await post('/open', JSON.stringify(unknown(20)))).json().errors).toHaveLength(20);
  expect((await post('/open', JSON.stringify(unknown(1_000)))).json()).toMatchObject({
    status: 400,
    code: 'validation_failed',
    errors: [{ path: '/', message: 'must not have more than 23 names and values' }],
  });
});

test('a route may take more bytes than others, and declares this to the gateway', async () => {
  const long = (bytes: number) => JSON.stringify({ seats: 1 }).padEnd(bytes);
  expect((await post('/open', long(16_384))).statusCode).toBe(200);
  expect((await post('/open', long(16_385))).json()).toMatchObject({ status: 413, detail: 'A body may have 16384 bytes here.' });
  expect((await post('/large', long(100_000))).statusCode).toBe(200);
  expect((await post('/large', long(100_001))).statusCode).toBe(413);
  expect(http.declaredRoutes).toContainEqual({ method: 'POST', url: '/large', bodyLimit: 100_000 });
});

test('long bodies that arrive at once are read in separate turns of the event loop', async () => {
  let turn = 0;
  let counting = setImmediate(function next() {
    turn += 1;
    counting = setImmediate(next);
  });
  const readIn: number[] = [];
  const long = await thingsHttp();
  const schema = { body: Type.Object({ seats: Type.Integer() }, { additionalProperties: false }) };
  long.post('/long', { bodyLimit: 100_000, schema }, async () => {
    readIn.push(turn);
    return {};
  });
  const payload = JSON.stringify({ seats: 1 }).padEnd(40_000);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () =>
      long.inject({ method: 'POST', url: '/long', headers: { 'content-type': 'application/json' }, payload }),
    ),
  );
  clearImmediate(counting);
  await long.close();
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array.from({ length: 10 }, () => 200));
  expect(new Set(readIn).size).toBe(10);
});

test('a schema without bounds keeps the service from starting', async () => {
  const unready = await thingsHttp();
  const body = Type.Object({ names: Type.Array(Type.String()) }, { additionalProperties: false });
  const route = () => unready.post('/endless', { schema: { body } }, async () => ({}));
  expect(route).toThrow('POST /endless: a list must say items and maxItems');
});

describe('a route that takes no body', () => {
  test.for(['', '{}'])('takes %j', async (payload) => {
    const answer = await post('/bare', payload);
    expect([answer.statusCode, answer.json()]).toEqual([200, { body: null }]);
  });

  test('takes a type without a body', async () => {
    const answer = await http.inject({ method: 'DELETE', url: '/bare', headers: { 'content-type': 'application/json' } });
    expect(answer.statusCode).toBe(200);
  });

  test('refuses properties', async () => {
    expect((await post('/bare', '{"a":1}')).json()).toMatchObject({
      status: 400,
      code: 'validation_failed',
      errors: [{ path: '/a', message: 'is not known here' }],
    });
  });

  test.for(['[]', 'null', '1'])('refuses %s', async (payload) => {
    expect((await post('/bare', payload)).json()).toMatchObject({ status: 400, code: 'validation_failed', errors: [{ path: '/' }] });
  });

  test('refuses what is no JSON', async () => {
    expect((await post('/bare', '{')).json()).toMatchObject({ status: 400, code: 'malformed_json' });
  });

  test('lists twenty names, and reports more as too many', async () => {
    expect((await post('/bare', JSON.stringify(unknown(20)))).json().errors).toHaveLength(20);
    expect((await post('/bare', JSON.stringify(unknown(500)))).json()).toMatchObject({ status: 400, errors: [{ path: '/' }] });
  });
});
