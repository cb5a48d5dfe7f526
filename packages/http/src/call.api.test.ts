import { createContext, createLog, createMetrics, runInContext } from '@stoa/service';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCaller, createHttp, type Http } from './index.ts';

let http: Http;
const never = Promise.withResolvers<never>();
beforeAll(async () => {
  const log = createLog({ level: 'silent' });
  const health = async () => [];
  http = await createHttp({ name: 'things', title: '', description: '', version: '1', log, metrics: createMetrics(), errors: {}, health });
  http.post(
    '/internal/echo',
    { schema: { body: Type.Object({ a: Type.Optional(Type.Integer()) }, { additionalProperties: false }) } },
    async ({ headers, body, context }) => ({ headers, body, context }),
  );
  http.get('/internal/gone', async (_request, reply) => reply.code(410).send({ code: 'gone' }));
  http.get('/internal/empty', async (_request, reply) => reply.code(204).send());
  http.get('/internal/bug', async () => {
    throw new Error('secret cause');
  });
  http.get('/internal/page', async (_request, reply) => reply.type('text/html').send('<p>'));
  http.get('/internal/hangs', () => never.promise);
  await http.ready();
});
afterAll(() => http.close());

const locate = (service: string) => (service === 'things' ? http : undefined);
const call = createCaller({ locate, credential: 'Service users.key', timeoutMs: 500 });

describe('a call to another service', () => {
  test('brings the credential, the body and the context along', async () => {
    const context = createContext({ correlationId: 'c-1' });
    const answer = await runInContext(context, () => call('things', { method: 'POST', path: '/internal/echo', body: { a: 1 } }));
    expect(answer).toMatchObject({
      status: 200,
      body: { headers: { authorization: 'Service users.key' }, body: { a: 1 }, context: { correlationId: 'c-1' } },
    });
    expect((answer.body as { context: { traceparent: string } }).context.traceparent).toBe(context.traceparent);
  });

  test('outside of any request begins a context of its own', async () => {
    const { body } = await call('things', { method: 'POST', path: '/internal/echo', body: {} });
    expect((body as { context: { correlationId: string } }).context.correlationId).toMatch(/^[0-9a-f]{32}$/);
  });

  test('hands over whatever is answered below 500', async () => {
    expect(await call('things', { method: 'GET', path: '/internal/gone' })).toEqual({ status: 410, body: { code: 'gone' } });
    expect(await call('things', { method: 'GET', path: '/internal/empty' })).toEqual({ status: 204, body: undefined });
  });

  test.for([
    ['elsewhere', '/internal/echo', 'is not running here'],
    ['things', '/internal/bug', 'answered 500'],
    ['things', '/internal/hangs', 'did not answer within 500 ms'],
    ['things', '/internal/page', 'answered what is not JSON'],
  ] as const)('to %s%s is 503, as it %s', async ([service, path, what]) => {
    const failure = await call(service, { method: 'GET', path }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: 'unavailable', code: 'service_unavailable', message: `The service ${service} ${what}.` });
  });
});
