import { defineErrors, fakeClock } from '@stoa/service';
import { Type } from 'typebox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMemoryRateLimiter, type Http, installCallerLimits, limitByClientIp } from './index.ts';
import { declaredCodes } from './testing/index.ts';
import { thingsHttp } from './testing/things.ts';

const errors = defineErrors({ no: { kind: 'forbidden', title: 'No.', cause: 'c', fix: 'f' } });
const clock = fakeClock();
const limiter = createMemoryRateLimiter(clock);
let http: Http;
beforeAll(async () => {
  http = await thingsHttp(errors.catalogue);
  const callerOf = ({ headers }: { headers: Record<string, unknown> }) => headers['x-caller'] as string | undefined;
  installCallerLimits(http, { limiter, callerOf });
  const body = Type.Object({ name: Type.String() }, { additionalProperties: false });
  const onRequest = async ({ headers }: { headers: Record<string, unknown> }) => {
    if (headers['x-caller'] === 'stranger') throw errors.no();
  };
  const limit = { name: 'notes', limit: 3, windowSeconds: 60 };
  http.post('/v1/notes', { config: { limit }, onRequest, schema: { body } }, async (request, reply) => {
    await limitByClientIp(limiter, { name: 'network', limit: 100, windowSeconds: 3_600 }, request, reply);
    return {};
  });
  http.get('/v1/things', { config: { limit: { name: 'reads', limit: 2, windowSeconds: 60 } } }, async () => ({}));
  http.get('/v1/free', { config: { limit: { name: 'free', limit: 0, windowSeconds: 60 } } }, async () => ({}));
  await http.ready();
});
afterAll(() => http.close());

const post = (caller: string | undefined, payload: object = { name: 'a' }, remoteAddress = '192.0.2.1') =>
  http.inject({ method: 'POST', url: '/v1/notes', payload, remoteAddress, headers: caller === undefined ? {} : { 'x-caller': caller } });
const statuses = async (times: number, ...of: Parameters<typeof post>) => {
  const answers = await Promise.all(Array.from({ length: times }, () => post(...of)));
  return answers.map(({ statusCode }) => statusCode).toSorted();
};

test('a caller has one limit from any address, and requests without a caller share one per client IP', async () => {
  expect(await statuses(20, 'ada')).toEqual([...Array<number>(3).fill(200), ...Array<number>(17).fill(429)]);
  expect(await statuses(1, 'ada', { name: 'a' }, '192.0.2.2')).toEqual([429]);
  expect(await statuses(4, 'eve')).toEqual([200, 200, 200, 429]);
  expect(await statuses(4, undefined)).toEqual([200, 200, 200, 429]);
  expect(await statuses(1, '192.0.2.1'), 'a caller whose name is a client IP').toEqual([200]);
  clock.advance(60_000);
  expect(await statuses(4, 'ada')).toEqual([200, 200, 200, 429]);
});

test('the answer shows the limits, each by its name, and a refusal shows when to retry', async () => {
  const { headers } = await post('bob');
  expect(headers['ratelimit-policy']).toBe('"notes";q=3;w=60, "network";q=100;w=3600');
  expect(headers['ratelimit']).toMatch(/^"notes";r=2;t=60, "network";r=\d+;t=\d+$/);
  for (let n = 0; n < 2; n += 1) await post('bob');
  const refused = await post('bob');
  expect([refused.statusCode, refused.json().code, refused.headers['retry-after']]).toEqual([429, 'rate_limited', '60']);
});

test('a request that the guard refuses takes no place, a malformed one does', async () => {
  expect(await statuses(9, 'stranger')).toEqual(Array<number>(9).fill(403));
  expect(await statuses(4, 'carl', { nam: 'a' })).toEqual([400, 400, 400, 429]);
});

test('a HEAD request counts once; a limit of 0 means no limit', async () => {
  const head = (url: string) => http.inject({ method: 'HEAD', url });
  expect([(await head('/v1/things')).statusCode, (await head('/v1/things')).statusCode, (await head('/v1/things')).statusCode]).toEqual([
    200, 200, 429,
  ]);
  for (let n = 0; n < 3; n += 1) expect((await head('/v1/free')).statusCode).toBe(200);
});

test('the description names the refusal', () => {
  expect(declaredCodes(http, 'POST', '/v1/notes')[429]).toEqual(['rate_limited']);
});
