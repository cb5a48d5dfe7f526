import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request as open } from 'node:http';
import { createHttp, type Http } from '@stoa/http';
import { createKeys, createLog, createMetrics } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installAccess } from './access.ts';
import { authErrors } from './errors.ts';
import type { Identity } from './identity.ts';
import { actorOf, type Principal, principalOf, tokenInvalid } from './principal.ts';
import { serviceCredential } from './service-credential.ts';

const derive = createKeys(randomBytes(32).toString('base64'));
const log = createLog({ level: 'silent' });
const known: Record<string, Principal> = {
  person: { kind: 'user', id: 'p1', sessionId: 's1', roles: ['user'], permissions: new Set() },
  clerk: { kind: 'user', id: 'p2', sessionId: 's2', roles: ['clerk'], permissions: new Set(['mails:read']) },
  stoa_sk_crm: { kind: 'service-account', id: 'a1', name: 'crm', permissions: new Set(['mails:read']) },
};
/** Knows three tokens; that it asks nobody else is what `identity.test.ts` shows. */
const identity: Identity = {
  start: async () => {},
  stop: async () => {},
  refresh: async () => {},
  health: () => ({ name: 'identity', ok: true }),
  async authenticate(token) {
    const principal = known[token];
    if (principal === undefined) throw tokenInvalid();
    return principal;
  },
};

const instance = () =>
  createHttp({
    name: 'test',
    title: 'Test',
    description: '',
    version: '1',
    log,
    metrics: createMetrics(),
    errors: authErrors.catalogue,
    health: async () => [],
  });

describe('access', () => {
  let http: Http;
  beforeAll(async () => {
    http = await instance();
    installAccess(http, { identity, derive });
    const Answer = Type.Object({ actor: Type.String() });
    http.get('/v1/anyone', { config: { access: 'anyone' }, schema: { response: { 200: Answer } } }, async ({ principal }) => ({
      actor: actorOf(principal),
    }));
    http.get('/v1/user', { config: { access: 'user' }, schema: { response: { 200: Answer } } }, async (request) => ({
      actor: actorOf(request.principal),
    }));
    http.get('/v1/mails', { config: { access: { permission: 'mails:read' } }, schema: { response: { 200: Answer } } }, async (request) => ({
      actor: actorOf(principalOf(request)),
    }));
    http.get('/internal/news', { config: { access: 'service' }, schema: { response: { 200: Answer } } }, async ({ principal }) => ({
      actor: actorOf(principal),
    }));
    http.post(
      '/v1/notes',
      { config: { access: 'user' }, schema: { body: Type.Object({ text: Type.String() }, { additionalProperties: false }) } },
      async () => ({}),
    );
  });
  afterAll(() => http.close());

  const get = (url: string, authorization?: string, more: Record<string, string> = {}) =>
    http.inject({ url, headers: { ...more, ...(authorization === undefined ? {} : { authorization }) } });

  test.for([
    ['/v1/anyone', undefined, 200, 'anonymous'],
    ['/v1/anyone', 'Bearer person', 200, 'user:p1'],
    ['/v1/anyone', 'bearer  stoa_sk_crm', 200, 'service-account:a1'],
    ['/v1/anyone', 'Bearer forged', 401, 'token_invalid'],
    ['/v1/anyone', 'Bearer ', 401, 'token_invalid'],
    ['/v1/anyone', 'Bearer two words', 401, 'token_invalid'],
    ['/v1/user', undefined, 401, 'token_missing'],
    ['/v1/user', 'Basic cDpw', 401, 'token_missing'],
    ['/v1/user', 'Bearer person', 200, 'user:p1'],
    ['/v1/user', 'Bearer stoa_sk_crm', 403, 'permission_denied'],
    ['/v1/mails', undefined, 401, 'token_missing'],
    ['/v1/mails', 'Bearer person', 403, 'permission_denied'],
    ['/v1/mails', 'Bearer clerk', 200, 'user:p2'],
    ['/v1/mails', 'Bearer stoa_sk_crm', 200, 'service-account:a1'],
    ['/internal/news', undefined, 401, 'service_credential_invalid'],
    ['/internal/news', 'Bearer clerk', 401, 'service_credential_invalid'],
    ['/internal/news', serviceCredential(derive, 'mailer'), 200, 'service:mailer'],
    ['/v1/mails', serviceCredential(derive, 'mailer'), 401, 'token_missing'],
  ] as const)('%s with %s: %i %s', async ([url, authorization, status, outcome]) => {
    const answer = await get(url, authorization);
    expect(answer.statusCode).toBe(status);
    expect(status === 200 ? answer.json().actor : answer.json().code).toBe(outcome);
    if (status === 401) expect(answer.headers['www-authenticate']).toMatch(/^(Bearer|Service) realm="stoa"/);
  });

  test('no client header grants an identity', async () => {
    const headers = { 'x-user-id': 'p2', 'x-stoa-principal': 'user:p2', 'x-forwarded-user': 'p2', 'x-roles': 'admin' };
    expect((await get('/v1/anyone', undefined, headers)).json()).toEqual({ actor: 'anonymous' });
    expect((await get('/v1/mails', undefined, headers)).statusCode).toBe(401);
  });

  test('HEAD is guarded as GET is', async () => {
    const head = (authorization?: string) =>
      http.inject({ method: 'HEAD', url: '/v1/mails', headers: authorization === undefined ? {} : { authorization } });
    expect((await head()).statusCode).toBe(401);
    expect((await head('Bearer clerk')).statusCode).toBe(200);
  });

  test('a rejected caller learns nothing about the body that it sent', async () => {
    const post = (authorization: string) =>
      http.inject({
        method: 'POST',
        url: '/v1/notes',
        headers: { authorization, 'content-type': 'application/json' },
        payload: '{"wrong":',
      });
    expect((await post('Bearer forged')).statusCode).toBe(401);
    expect((await post('Bearer person')).json().code).toBe('malformed_json');
  });

  test('the description shows who may call a route', async () => {
    await http.ready();
    const { paths } = http.swagger() as unknown as {
      paths: Record<string, { get: { security?: unknown; description?: string; responses: object } }>;
    };
    expect(paths['/v1/mails']?.get).toMatchObject({ security: [{ bearer: [] }], description: 'Needs the permission `mails:read`.' });
    expect(Object.keys(paths['/v1/mails']?.get.responses ?? {})).toEqual(expect.arrayContaining(['200', '401', '403', '503']));
    expect(paths['/v1/anyone']?.get).toMatchObject({ security: [{}, { bearer: [] }] });
  });
});

test('a token that becomes invalid while the body arrives is refused', async () => {
  let [isAlive, asked, handled] = [true, 0, 0];
  const mortal: Identity = {
    ...identity,
    async authenticate() {
      asked += 1;
      if (!isAlive) throw tokenInvalid();
      return known['clerk'] as Principal;
    },
  };
  const http = await instance();
  installAccess(http, { identity: mortal, derive });
  http.post(
    '/v1/mails',
    { config: { access: { permission: 'mails:read' } }, schema: { body: Type.Object({}, { additionalProperties: false }) } },
    async () => {
      handled += 1;
      return {};
    },
  );
  const url = await http.listen({ host: '127.0.0.1', port: 0 });
  const headers = { authorization: 'Bearer clerk', 'content-type': 'application/json', 'content-length': '2' };
  const sent = open(`${url}/v1/mails`, { method: 'POST', headers, agent: false });
  sent.write('{');
  await eventually(() => expect(asked).toBe(1));
  isAlive = false;
  sent.end('}');
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  answer.resume();
  expect([answer.statusCode, handled]).toEqual([401, 0]);
  await http.close();
});

test.for(['/v1/open', '/internal/open'])('a route that does not say who may call it does not start: %s', async (url) => {
  const http = await instance();
  installAccess(http, { identity, derive });
  expect(() => http.get(url, {}, async () => ({}))).toThrow('does not say who may call it');
  await http.close();
});
