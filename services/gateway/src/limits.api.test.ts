import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CachedGateway, startCachedGateway } from './testing/cached-gateway.ts';

const settings = { PUBLIC_READS_PER_MINUTE: '3', SIGNED_IN_READS_PER_MINUTE: '4', WRITES_PER_MINUTE: '2' };

describe.each(['here', 'elsewhere'] as const)('requests for a service %s', (where) => {
  let system: CachedGateway;
  beforeAll(async () => {
    system = await startCachedGateway({ where, settings });
  });
  afterAll(() => system[Symbol.asyncDispose]());

  const nextMinute = () => system.clock.advance(60_000);
  const ask = async (path: string, { method = 'GET', authorization = '' } = {}) => {
    const answer = await fetch(`${system.url}${path}`, { method, headers: authorization ? { authorization } : {} });
    await answer.text();
    return answer;
  };
  /** Statuses of so many in a row. */
  const statuses = async (times: number, path: string, options?: Parameters<typeof ask>[1]) => {
    const all: number[] = [];
    for (let n = 0; n < times; n += 1) all.push((await ask(path, options)).status);
    return all;
  };

  test('without a token are counted by client IP, each class for itself, whatever the path', async () => {
    nextMinute();
    expect(await statuses(2, '/v1/notes')).toEqual([200, 200]);
    expect(await statuses(2, '/v1/drafts')).toEqual([200, 429]);
    expect(await statuses(3, '/v1/notes', { method: 'POST' })).toEqual([200, 200, 429]);
    nextMinute();
    expect(await statuses(1, '/v1/notes')).toEqual([200]);
  });

  test('show what is left, from the cache too, and when to retry', async () => {
    nextMinute();
    const [first, kept] = [await ask('/v1/notes'), await ask('/v1/notes')];
    expect(first.headers.get('ratelimit-policy')).toBe('"public-reads";q=3;w=60');
    expect([first, kept].map(({ headers }) => headers.get('ratelimit'))).toEqual(['"public-reads";r=2;t=60', '"public-reads";r=1;t=60']);
    await ask('/v1/notes');
    system.clock.advance(10_000);
    const refused = await fetch(`${system.url}/v1/notes`);
    expect(refused.headers.get('retry-after')).toBe('50');
    expect(refused.headers.get('ratelimit')).toBe('"public-reads";r=0;t=50');
    expect(await refused.json()).toMatchObject({ status: 429, code: 'rate_limited' });
  });

  const limitsTold = ({ status, headers }: Response) => [status, headers.get('ratelimit-policy'), headers.get('ratelimit')];

  test('show the limits of the service behind those of the gateway; the one that refuses says when to retry', async () => {
    nextMinute();
    const policies = '"public-reads";q=3;w=60, "visits";q=2;w=30';
    expect(limitsTold(await ask('/v1/visits'))).toEqual([200, policies, '"public-reads";r=2;t=60, "visits";r=1;t=30']);
    expect(limitsTold(await ask('/v1/visits'))).toEqual([200, policies, '"public-reads";r=1;t=60, "visits";r=0;t=30']);
    const byService = await ask('/v1/visits');
    expect(limitsTold(byService)).toEqual([429, policies, '"public-reads";r=0;t=60, "visits";r=0;t=30']);
    expect(byService.headers.get('retry-after')).toBe('30');
    const byGateway = await ask('/v1/visits');
    expect(limitsTold(byGateway)).toEqual([429, '"public-reads";q=3;w=60', '"public-reads";r=0;t=60']);
    expect(byGateway.headers.get('retry-after')).toBe('60');
  });

  test('do not show the limits of a service that was not called', async () => {
    nextMinute();
    const told = [await ask('/v1/kept-visits'), await ask('/v1/kept-visits')].map(({ headers }) => headers.get('ratelimit'));
    expect(told).toEqual(['"public-reads";r=2;t=60, "visits";r=1;t=30', '"public-reads";r=1;t=60']);
  });

  test('with a token are counted by account, and take nothing from others at the client IP', async () => {
    nextMinute();
    const [ada, bot] = [await system.who.person(), await system.who.serviceAccount()];
    expect(await statuses(5, '/v1/drafts', { authorization: ada })).toEqual([200, 200, 200, 200, 429]);
    expect(await statuses(4, '/v1/drafts', { authorization: bot })).toEqual([200, 200, 200, 200]);
    expect(await statuses(3, '/v1/drafts')).toEqual([200, 200, 200]);
    expect(await statuses(3, '/v1/notes', { method: 'POST', authorization: ada })).toEqual([200, 200, 429]);
    expect(await statuses(1, '/v1/notes', { method: 'POST', authorization: bot })).toEqual([200]);
  });

  test('with a bad token are refused, and count for their client IP', async () => {
    nextMinute();
    const before = system.asked();
    const answer = await fetch(`${system.url}/v1/drafts`, { headers: { authorization: 'Bearer made-up' } });
    expect(await answer.json()).toMatchObject({ status: 401, code: 'token_invalid' });
    expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    expect(answer.headers.get('ratelimit')).toBe('"public-reads";r=2;t=60');
    expect(system.asked()).toBe(before);
    expect(await statuses(3, '/v1/drafts')).toEqual([200, 200, 429]);
  });

  test.each(['Bearer made-up', `Bearer stoa_sk_${'0'.repeat(43)}`])('with %s are limited as those without', async (authorization) => {
    nextMinute();
    expect(await statuses(4, '/v1/drafts', { authorization })).toEqual([401, 401, 401, 429]);
    expect(await statuses(3, '/v1/notes', { method: 'POST', authorization })).toEqual([401, 401, 429]);
  });

  test('for pages and of the process are not counted', async () => {
    nextMinute();
    for (const path of ['/pages/notes', '/health/live', '/metrics', '/', '/problems']) {
      expect(await statuses(4, path)).toEqual([200, 200, 200, 200]);
      expect((await ask(path)).headers.get('ratelimit')).toBeNull();
    }
  });
});

test.each([{ RATE_LIMITS: 'off', ...settings }, { PUBLIC_READS_PER_MINUTE: '0' }])('nothing is counted with %o', async (off) => {
  await using system = await startCachedGateway({ settings: off });
  for (let n = 0; n < 5; n += 1) {
    const answer = await fetch(`${system.url}/v1/notes`);
    expect([answer.status, answer.headers.get('ratelimit')]).toEqual([200, null]);
  }
});
