import { randomBytes } from 'node:crypto';
import { Validator } from '@seriousme/openapi-schema-validator';
import { testIdentity } from '@stoa/auth/testing';
import { createHttp, type Http } from '@stoa/http';
import { createKeys, createLog, createMetrics, currentContext, defineErrors, type Service } from '@stoa/service';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gateway } from './index.ts';

const lines: string[] = [];
const log = createLog({ destination: { write: (line: string) => void lines.push(line) } });
const metrics = createMetrics();
const errors = defineErrors({ stone_taken: { kind: 'conflict', title: 'Taken.', cause: 'It `is`.', fix: 'Take <another>.' } });
const derive = createKeys(randomBytes(32).toString('base64'));
const { identity } = await testIdentity();
let isHealthy = true;
let front: Service;

const OptionalText = Type.Optional(Type.String());
const querystring = Type.Object({ x: OptionalText, token: OptionalText }, { additionalProperties: false });

async function createStones(name = 'stones', addRoutes: (http: Http) => unknown = () => {}): Promise<Service & { http: Http }> {
  const health = async () => [{ name: 'database', ok: isHealthy }];
  const http = await createHttp({
    name,
    title: 'Stones',
    description: '',
    version: '1',
    log,
    metrics,
    errors: errors.catalogue,
    health,
    tags: { [name]: 'What is hard.', sand: 'Nothing has it.' },
  });
  http.get(
    `/v1/${name}/:id`,
    { schema: { tags: [name], summary: 'A stone', operationId: `get-${name}`, params: Type.Object({ id: Type.String() }), querystring } },
    async (request) => ({
      id: request.params.id,
      headers: request.headers,
      correlationId: currentContext()?.correlationId,
      address: request.clientIp,
    }),
  );
  http.post(`/v1/${name}`, { schema: { body: Type.Object({ weight: Type.Number() }, { additionalProperties: false }) } }, async () => {
    throw errors.stone_taken();
  });
  if (name === 'stones') http.post('/internal/stones', async () => ({ secret: true }));
  addRoutes(http);
  await http.ready();
  return { name, http: http as Service['http'] & Http, start: async () => {}, stop: async () => {}, health };
}

beforeEach(async () => {
  lines.length = 0;
  metrics.resetMetrics();
  isHealthy = true;
  front = await gateway.create({ log, derive, identity, metrics, services: [await createStones()], asyncApi: { asyncapi: '3.0.0' } });
  await front.http.ready();
});
afterEach(() => front.http.close());

describe('a request to a service', () => {
  test('is answered by its owner, in the context and with the headers of the edge', async () => {
    const answer = await front.http.inject({ url: '/v1/stones/7?x', headers: { 'x-correlation-id': 'c-1' } });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ id: '7', correlationId: 'c-1', address: '127.0.0.1' });
    expect(answer.headers).toMatchObject({ 'x-correlation-id': 'c-1', 'x-content-type-options': 'nosniff' });
  });

  test('is logged once and counted once, under the route of its owner', async () => {
    await front.http.inject('/v1/stones/7?token=abc');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ msg: 'request', service: 'stones', path: '/v1/stones/7', status: 200 }),
    ]);
    expect(await metrics.metrics()).toContain(
      'http_request_duration_seconds_count{service="stones",method="GET",route="/v1/stones/:id",status="200"} 1',
    );
  });

  test('loses headers that claim to be somebody else', async () => {
    const forged = {
      'x-user-id': '1',
      'x-stoa-roles': 'admin',
      'x-forwarded-for': '1.2.3.4',
      forwarded: 'for=1.2.3.4',
      'x-real-ip': '1.2.3.4',
      'x-request-kind': 'kept',
    };
    const { headers } = (await front.http.inject({ url: '/v1/stones/7', headers: forged })).json();
    expect(Object.keys(headers).filter((name) => name in forged)).toEqual(['x-request-kind']);
  });

  test('is refused by its owner as it would be without a gateway', async () => {
    const answer = await front.http.inject({ method: 'POST', url: '/v1/stones', payload: { weight: 'x', colour: 1 } });
    expect(answer.json()).toMatchObject({
      status: 400,
      code: 'validation_failed',
      errors: expect.arrayContaining([{ path: '/colour', message: 'is not known here' }]),
    });
    expect((await front.http.inject({ method: 'POST', url: '/v1/stones', payload: { weight: 1 } })).json()).toMatchObject({
      code: 'stone_taken',
    });
  });
});

test('what is internal is not there for the world', async () => {
  expect((await front.http.inject({ method: 'POST', url: '/internal/stones' })).statusCode).toBe(404);
  expect((await front.http.inject('/openapi.json')).body).not.toContain('/internal/');
});

test('404 and 405 are problems', async () => {
  expect((await front.http.inject('/v1/nothing')).json()).toMatchObject({ status: 404, code: 'not_found' });
  const wrong = await front.http.inject({ method: 'PUT', url: '/v1/stones/7' });
  expect([wrong.statusCode, wrong.headers['allow'], wrong.json().code]).toEqual([405, 'GET, HEAD', 'method_not_allowed']);
});

test('HEAD is answered as GET is, without the body', async () => {
  for (const url of ['/', '/problems', '/v1/stones/7']) {
    const { headers } = await front.http.inject(url);
    const head = await front.http.inject({ method: 'HEAD', url });
    expect([head.statusCode, head.body, head.headers['content-type']]).toEqual([200, '', headers['content-type']]);
  }
});

test('a path is one spelling: no trailing slash, no other case, an encoded slash stays in its segment', async () => {
  const status = async (url: string) => (await front.http.inject(url)).statusCode;
  expect(await status('/v1/stones/7/')).toBe(404);
  expect(await status('//v1/stones/7')).toBe(404);
  expect(await status('/V1/stones/7')).toBe(404);
  expect(await status('/v1/../internal/stones')).toBe(404);
  expect(await status('/v1/stones%2F7')).toBe(404);
  expect((await front.http.inject('/v1/st%6Fnes/a%2Fb')).json().id).toBe('a/b');
  expect((await front.http.inject({ method: 'PUT', url: '/v1/st%6Fnes/a%2Fb?x=1' })).statusCode).toBe(405);
});

test('there is no CORS: a preflight is a method that is not allowed', async () => {
  const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
  const answer = await front.http.inject({ method: 'OPTIONS', url: '/v1/stones', headers });
  expect([answer.statusCode, answer.headers['allow']]).toEqual([405, 'POST']);
  expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
});

test('paths that clients invent make no new series of metrics', async () => {
  for (let n = 0; n < 20; n++) await front.http.inject({ url: `/v1/invented-${n}?a=${n}` });
  const routes = (await metrics.metrics()).match(/_count\{service="gateway",method="GET",route="[^"]*",status="404"\} \d+/g);
  expect(routes).toEqual(['_count{service="gateway",method="GET",route="(none)",status="404"} 20']);
});

test('two services with the same route do not start', async () => {
  const services = [await createStones(), await createStones()];
  await expect(gateway.create({ log, derive, identity, metrics: createMetrics(), services, asyncApi: {} })).rejects.toThrow('/v1/stones');
});

test('readiness names the parts of every service', async () => {
  isHealthy = false;
  const answer = await front.http.inject('/health/ready');
  const parts = [{ name: 'stones: database', ok: false }];
  expect([answer.statusCode, answer.json()]).toEqual([503, { status: 'not ready', parts }]);
});

describe('documents and pages', () => {
  test('readiness is a table for clients that ask for HTML first, JSON for all others', async () => {
    isHealthy = false;
    const ask = (accept: string) => front.http.inject({ url: '/health/ready', headers: { accept } });
    const shown = await ask('text/html,application/xml;q=0.9,*/*;q=0.8');
    expect([shown.statusCode, shown.headers['content-type']]).toEqual([503, 'text/html; charset=utf-8']);
    expect(shown.body).toContain('<td>stones: database</td><td class="fails">does not work</td>');
    expect((await ask('*/*')).json()).toMatchObject({ status: 'not ready' });
  });

  test('the header leads to the mailbox when there is one', async () => {
    expect((await front.http.inject('/problems')).body).not.toContain('/mailbox');
    const mailer = await createStones('letters', (http) => http.get('/mailbox', async () => ''));
    const services = [await createStones(), mailer];
    const other = await gateway.create({ log, derive, identity, metrics: createMetrics(), services, asyncApi: {} });
    const html = (await other.http.inject({ url: '/problems', headers: { accept: 'text/html' } })).body;
    expect(html).toContain('<nav><a href="/docs">API</a><a href="/mailbox">Mailbox</a>');
    await other.http.close();
  });

  test('each tag that is used is described once, those of the platform last', async () => {
    const { tags } = (await front.http.inject('/openapi.json')).json();
    expect(tags.map(({ name }: { name: string }) => name)).toEqual(['stones', 'operations']);
  });

  test('the OpenAPI document has the public paths of all, and the operations once', async () => {
    const document = (await front.http.inject('/openapi.json')).json();
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths).sort()).toEqual([
      '/health/live',
      '/health/ready',
      '/metrics',
      '/problems',
      '/problems/{code}',
      '/v1/stones',
      '/v1/stones/{id}',
    ]);
  });

  test('the OpenAPI document is valid by the schema of OpenAPI 3.1', async () => {
    const document = (await front.http.inject('/openapi.json')).json();
    const validator = new Validator();
    expect(await validator.validate(document)).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  test('every error has its page, escaped, and its JSON', async () => {
    const { items } = (await front.http.inject('/problems')).json();
    expect(items.map(({ code }: { code: string }) => code)).toEqual(
      expect.arrayContaining(['stone_taken', 'validation_failed', 'internal_error']),
    );
    for (const { code } of items) {
      const html = await front.http.inject({ url: `/problems/${code}`, headers: { accept: 'text/html' } });
      expect([html.statusCode, html.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
      expect(html.headers['content-security-policy']).not.toContain('unsafe');
      expect(html.body).not.toMatch(/<script>|style="|onclick/);
    }
    expect((await front.http.inject({ url: '/problems/stone_taken', headers: { accept: 'text/html' } })).body).toContain(
      'Take &lt;another&gt;.',
    );
    expect((await front.http.inject('/problems/constructor')).statusCode).toBe(404);
  });

  test.for([
    '/',
    '/docs',
    '/docs/start.js',
    '/docs/swagger-ui.css',
    '/docs/swagger-ui-bundle.js',
    '/assets/stoa.css',
    '/assets/icon.svg',
    '/asyncapi.json',
  ])('%s is there', async (url) => {
    expect((await front.http.inject(url)).statusCode).toBe(200);
  });
});
