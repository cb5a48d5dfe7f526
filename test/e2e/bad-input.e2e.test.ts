import { randomBytes } from 'node:crypto';
import { hostileRequests, type RawAnswer, sendRaw, type Target } from '@stoa/http/testing';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from './ask.ts';
import { basic, logIn, post, register, somebody } from './client.ts';
import { allowedBy, bodyOf, fieldsOf, type OpenApi } from './described-bodies.ts';
import { dataFolder, type StoaProcess, startStoa } from './stoa-process.ts';

/** A word that is in bodies, credentials and queries, and must not be in any line of the log. */
const canary = `canary${randomBytes(8).toString('hex')}`;
/** Bodies that the routes would accept before they are spoilt, for routes without a body from the examples of the description. */
const bodies: Readonly<Record<string, Record<string, unknown>>> = {
  'POST /v1/users': { email: `${canary}@example.com`, password: canary, login: 'ada', phone: '+14155552671', fullName: 'Ada' },
  'POST /v1/users/activation': { code: '1234' },
  'POST /v1/users/activation/code': {},
  'PATCH /v1/users/me': { email: `${canary}@example.com`, login: 'ada', phone: '+14155552671', fullName: 'Ada' },
  'PUT /v1/users/me/password': { currentPassword: canary, newPassword: canary },
  'POST /v1/password-resets': { email: `${canary}@example.com` },
  'POST /v1/password-resets/confirm': { token: canary, password: canary },
  'POST /v1/email-confirmations': { token: canary },
  'POST /v1/sessions': { identifier: `${canary}@example.com`, password: canary },
  'POST /v1/sessions/refresh': { refreshToken: canary },
  'PATCH /v1/users/{id}': { email: `${canary}@example.com`, login: 'ada', phone: '+14155552671', fullName: 'Ada' },
  'PUT /v1/users/{id}/roles': { roles: ['user'] },
  'POST /v1/roles': { name: 'support', permissions: ['users:read'] },
  'PATCH /v1/roles/{name}': { permissions: ['users:read'] },
  'POST /v1/service-accounts': { name: 'shop', permissions: ['users:create'], expiresAt: '2030-01-01T00:00:00Z' },
  'POST /v1/dead-letters/replay': { service: 'users' },
  'POST /v1/setup': { code: canary, email: `${canary}@example.com`, password: canary, fullName: 'Ada' },
};
/** Not sent: what is bad elsewhere and well-formed here, besides the lines and lengths that the description allows. */
const welcome: Readonly<Record<string, readonly string[]>> = {
  'PATCH /v1/users/me': ['nothing in it', 'null as login', 'null as phone', 'null as fullName'],
  'POST /v1/service-accounts': ['null as expiresAt'],
  'POST /v1/dead-letters/replay': ['nothing in it'],
  'POST /v1/dead-letters/x/replay': ['an empty body'],
};
/** How a route refuses a request that is well-formed but has no valid credential, or comes too late. */
const refusals: Readonly<Record<string, readonly number[]>> = {
  'POST /v1/sessions': [401],
  'POST /v1/sessions/refresh': [401],
  'PUT /v1/users/me/password': [401],
  'POST /v1/setup': [409],
};
const pending = somebody();

let accessToken: string;
let folder: Awaited<ReturnType<typeof dataFolder>>;
let stoa: StoaProcess;
let targets: DescribedTarget[];
beforeAll(async () => {
  folder = await dataFolder();
  stoa = await startStoa({ dataDirectory: folder.path, env: { LOG_LEVEL: 'debug', RATE_LIMITS: 'off' } });
  expect((await register(stoa.url, pending)).status).toBe(201);
  accessToken = await administratorOf(stoa);
  targets = await targetsOf(stoa.url);
});
afterAll(async () => {
  await stoa.stop();
  await folder[Symbol.asyncDispose]();
});

describe('bad input', () => {
  test('of every kind, on every route, is refused with a problem; nothing is stored', async () => {
    const before = await storedRows();
    const failures: string[] = [];
    let sent = 0;
    for (const target of targets) {
      for (const { name, allowed, bytes } of hostileRequests(target)) {
        const route = `${target.method} ${target.path}`;
        if (welcome[route]?.includes(name) || target.allows.includes(name)) continue;
        sent += 1;
        const fault = await sendRaw(stoa.url, bytes).then(
          (answer) => faultOf(answer, [...allowed, ...(refusals[route] ?? []), ...(target.headers ? [] : [401])]),
          (error: Error) => error.message,
        );
        if (fault !== undefined) failures.push(`${route}, ${name}: ${fault}`);
      }
    }
    expect(failures).toEqual([]);
    expect(sent, 'the walk has gone somewhere').toBeGreaterThan(500);
    expect(await storedRows()).toEqual(before);
  });

  test('leads to pages that say what to do', async () => {
    expect(codes.size).toBeGreaterThanOrEqual(6);
    const { components } = (await (await fetch(`${stoa.url}/openapi.json`)).json()) as OpenApi;
    const described = Object.keys(components.examples);
    expect(described).toEqual(expect.arrayContaining(['database_busy', 'database_unavailable', ...codes]));
    for (const code of described) expect((await fetch(`${stoa.url}/problems/${code}`)).status, code).toBe(200);
  });

  test('leaves no secret in the log, which has every request', async () => {
    await fetch(`${stoa.url}/v1/nothing?token=${canary}`, { headers: { authorization: `Bearer ${canary}`, cookie: canary } });
    await fetch(`${stoa.url}/v1/users/activation`, {
      method: 'POST',
      headers: { authorization: basic({ email: pending.email, password: canary }), 'content-type': 'application/json' },
      body: JSON.stringify({ code: canary }),
    });
    await stoa.stop();
    const output = stoa.output();
    expect(output).toContain('/v1/nothing');
    expect(output).not.toContain(canary);
    expect(output).not.toContain(pending.password);
    expect(output).not.toMatch(/"level":"(error|fatal)"/);
  });
});

const codes = new Set<string>();

/** What is wrong with a refusal, if anything. */
function faultOf({ status, headers, body }: RawAnswer, allowed: readonly number[]): string | undefined {
  if (!allowed.includes(status)) return `answered ${status} ${body.slice(0, 200)}`;
  if (headers.get('content-type') !== 'application/problem+json; charset=utf-8') return `is ${headers.get('content-type')}`;
  const problem = JSON.parse(body) as Record<string, unknown>;
  if (problem['status'] !== status) return `says status ${problem['status']}, is ${status}`;
  if (typeof problem['code'] !== 'string' || problem['type'] !== `/problems/${problem['code']}`) return `has type ${problem['type']}`;
  if (problem['requestId'] !== headers.get('x-correlation-id')) return 'has another requestId than correlation id';
  if (headers.get('x-content-type-options') !== 'nosniff') return 'is without security headers';
  codes.add(problem['code']);
  return undefined;
}

interface DescribedTarget extends Target {
  /** What is bad elsewhere, and allowed here by the description. */
  readonly allows: readonly string[];
}

/** The access token of somebody who may do everything. */
async function administratorOf({ url, output }: StoaProcess): Promise<string> {
  const code = await eventually(() => output().match(/\/setup#code=([A-Za-z0-9_-]{43})/)?.[1] ?? Promise.reject(new Error('not yet')));
  const person = somebody();
  expect((await post(`${url}/v1/setup`, { code, ...person })).status).toBe(201);
  return ((await (await logIn(url, person)).json()) as { accessToken: string }).accessToken;
}

/** Every operation, as anybody and, where it takes credentials, as a person who may. */
async function targetsOf(url: string): Promise<DescribedTarget[]> {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApi;
  return Object.entries(document.paths).flatMap(([pattern, operations]) =>
    Object.entries(operations).flatMap(([verb, operation]) => {
      const { requestBody, security } = operation;
      const method = verb.toUpperCase();
      const fields = fieldsOf(document, operation);
      const body = requestBody && (bodies[`${method} ${pattern}`] ?? bodyOf(fields, canary));
      if (requestBody !== undefined && body === undefined)
        throw new Error(`no body for ${method} ${pattern}: give its fields examples, or add one above`);
      // For an id that does not exist, everything is refused.
      const allows = pattern.includes('{') ? [] : allowedBy(fields);
      const target = { method, path: pattern.replace(/\{\w+\}/g, 'x'), allows, ...(body && { body }) };
      const takes = (name: string) => security?.some((scheme) => name in scheme) ?? false;
      const credentials = [...(takes('basic') ? [basic(pending)] : []), ...(takes('bearer') ? [`Bearer ${accessToken}`] : [])];
      return [target, ...credentials.map((authorization) => ({ ...target, headers: { authorization } }))];
    }),
  );
}

/** Counts the rows of the kinds that a request could make. */
async function storedRows(): Promise<unknown> {
  return [
    await ask(
      stoa.dataDirectory,
      'users',
      'select (select count(*) from users) as users, (select count(*) from activation_requests) as activation_requests, (select count(*) from account_links) as account_links',
    ),
    await ask(stoa.dataDirectory, 'posts', 'select count(*) as posts from posts'),
  ];
}
