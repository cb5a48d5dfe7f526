import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostileRequests, type RawAnswer, sendRaw, type Target } from '@stoa/http/testing';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { basic, register, somebody } from './client.ts';
import { dataFolder, type StoaProcess, startStoa } from './stoa-process.ts';

/** A word that is in bodies, credentials and queries, and so must be in no line of the log. */
const canary = `canary${randomBytes(8).toString('hex')}`;
/** A body that each route would accept, were it not spoilt. A route with a body and no line here fails the test. */
const bodies: Readonly<Record<string, Record<string, unknown>>> = {
  'POST /v1/users': { email: `${canary}@example.com`, password: canary, login: 'ada', phone: '+14155552671', fullName: 'Ada' },
  'POST /v1/users/activation': { code: '1234' },
  'POST /v1/users/activation/code': {},
};
const pending = somebody();

let folder: Awaited<ReturnType<typeof dataFolder>>;
let stoa: StoaProcess;
let targets: Target[];
beforeAll(async () => {
  folder = await dataFolder();
  stoa = await startStoa({ dataDirectory: folder.path, env: { LOG_LEVEL: 'debug', RATE_LIMITS: 'off' } });
  expect((await register(stoa.url, pending)).status).toBe(201);
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
        sent += 1;
        const fault = await sendRaw(stoa.url, bytes).then(
          (answer) => faultOf(answer, [...allowed, ...(target.headers ? [] : [401])]),
          (error: Error) => error.message,
        );
        if (fault !== undefined) failures.push(`${target.method} ${target.path}, ${name}: ${fault}`);
      }
    }
    expect(failures).toEqual([]);
    expect(sent, 'the walk has gone somewhere').toBeGreaterThan(500);
    expect(await storedRows()).toEqual(before);
  });

  test('leads to pages that say what to do', async () => {
    expect(codes.size).toBeGreaterThanOrEqual(6);
    for (const code of codes) expect((await fetch(`${stoa.url}/problems/${code}`)).status, code).toBe(200);
  });

  test('leaves nothing secret in the log, where every request is', async () => {
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

interface OpenApi {
  readonly paths: Record<string, Record<string, { requestBody?: object; security?: Record<string, unknown>[] }>>;
}

/** Every operation, as anybody and, where it takes Basic, as a person who may. */
async function targetsOf(url: string): Promise<Target[]> {
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApi;
  return Object.entries(paths).flatMap(([pattern, operations]) =>
    Object.entries(operations).flatMap(([verb, { requestBody, security }]) => {
      const method = verb.toUpperCase();
      const body = bodies[`${method} ${pattern}`];
      if (requestBody !== undefined && body === undefined) throw new Error(`no body for ${method} ${pattern}: add one above`);
      const target = { method, path: pattern.replace(/\{\w+\}/g, 'x'), ...(body && { body }) };
      const takesBasic = security?.some((scheme) => 'basic' in scheme) ?? false;
      return [target, ...(takesBasic ? [{ ...target, headers: { authorization: basic(pending) } }] : [])];
    }),
  );
}

/** How many rows of what a request could make there are. */
async function storedRows(): Promise<unknown> {
  const { databaseUrl } = JSON.parse(await readFile(join(stoa.dataDirectory, 'run.json'), 'utf8')) as { databaseUrl: string };
  const client = new pg.Client(Object.assign(new URL(databaseUrl), { pathname: '/stoa_users' }).href);
  await client.connect();
  try {
    const { rows } = await client.query(
      'select (select count(*) from users) as users, (select count(*) from activation_requests) as activation_requests',
    );
    return rows[0];
  } finally {
    await client.end();
  }
}
