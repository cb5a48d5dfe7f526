import type { Http } from '@stoa/http';
import { declaredCodes, thingsHttp } from '@stoa/http/testing';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type IdempotentThings, newKey, startIdempotentThings } from '../testing/idempotent-things.ts';

let things: IdempotentThings;
beforeAll(async () => {
  things = await startIdempotentThings();
});
beforeEach(() => things.reset());
afterAll(() => things[Symbol.asyncDispose]());

describe('a repeat', () => {
  test('gets the first answer, byte for byte, and nothing is done again', async () => {
    const key = newKey();
    const first = await things.post({ name: 'a' }, { key });
    const second = await things.post({ name: 'a' }, { key });
    expect(first).toMatchObject({ status: 201, isReplay: false });
    expect(second).toMatchObject({ status: 201, isReplay: true, text: first.text });
    for (const header of ['content-type', 'location', 'etag', 'content-length']) expect(second.headers[header]).toBe(first.headers[header]);
    expect(second.headers['x-correlation-id']).not.toBe(first.headers['x-correlation-id']);
    expect(second.headers['x-other']).toBeUndefined();
    expect(things.work.done).toEqual(['a']);
  });

  test('may name the fields in another order, and goes to any copy of the service', async () => {
    const key = newKey();
    await things.post({ name: 'a', note: 'b' }, { key });
    expect(await things.status({ note: 'b', name: 'a' }, { key, at: things.other })).toBe('201 again');
    expect(things.work.done).toEqual(['a']);
  });

  test('without a key is a new request', async () => {
    expect([await things.status({ name: 'a' }), await things.status({ name: 'a' })]).toEqual([201, 201]);
    expect(things.work.done).toEqual(['a', 'a']);
  });

  test('of a refusal gets the refusal, of no body none', async () => {
    const [key, another] = [newKey(), newKey()];
    const first = await things.post({ name: 'a', fail: 'thing_taken*1' }, { key });
    const second = await things.post({ name: 'a', fail: 'thing_taken*1' }, { key });
    expect([first.status, second.status, second.isReplay, second.text]).toEqual([409, 409, true, first.text]);
    expect(second.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    const close = { key: another, url: '/v1/things/7/close' };
    expect(await things.status(undefined, close)).toBe(204);
    expect(await things.post(undefined, close)).toMatchObject({ status: 204, isReplay: true, body: null });
    expect(things.work.done).toEqual(['a', 'close 7']);
  });

  test('20 at once: one is done, the others wait for it or get its answer', async () => {
    const key = newKey();
    const copies = [things.http, things.other];
    const all = await Promise.all(Array.from({ length: 20 }, (_, n) => things.post({ name: 'a' }, { key, at: copies[n % 2] as Http })));
    expect(things.work.done).toEqual(['a']);
    expect(all.filter(({ status, isReplay }) => status === 201 && !isReplay)).toHaveLength(1);
    for (const { status, isReplay, body, headers } of all.filter((answer) => answer.status !== 201 || answer.isReplay)) {
      if (status === 201) expect(isReplay).toBe(true);
      else expect([status, body.code, headers['retry-after']]).toEqual([409, 'idempotency_in_progress', '1']);
    }
  });

  test('while the first runs is refused with a time to retry', async () => {
    const key = newKey();
    const first = things.post({ name: 'slow' }, { key });
    await eventually(() => expect(things.work.done).toEqual(['slow']));
    expect((await things.post({ name: 'slow' }, { key, at: things.other })).body).toMatchObject({
      status: 409,
      code: 'idempotency_in_progress',
    });
    expect((await things.post({ name: 'b' }, { key })).body).toMatchObject({ status: 422 });
    things.work.gate.resolve();
    expect((await first).status).toBe(201);
    expect(await things.status({ name: 'slow' }, { key })).toBe('201 again');
  });
});

describe('a request may be tried again with its key', () => {
  test.for(['bug', 'thing_busy', 'too_many', 'not_you'])('after %s', async (fail) => {
    const key = newKey();
    const first = await things.post({ name: 'a', fail: `${fail}*1` }, { key });
    expect(first.status).toBeGreaterThanOrEqual(403);
    expect((await things.post({ name: 'b' }, { key })).body).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    const again = await things.post({ name: 'a', fail: `${fail}*1` }, { key });
    expect([again.status, again.body.reservedResourceId]).toEqual([201, things.work.made[0]]);
    expect(things.work.made).toEqual([things.work.made[0], things.work.made[0]]);
  });

  test('after what validation or the guard refused', async () => {
    const key = newKey();
    for (const name of [7, 'a'.repeat(21)]) expect(await things.status({ name }, { key })).toBe(400);
    expect(await things.status({ name: 'a' }, { key })).toBe(201);
    for (const name of ['a', 'b']) expect(await things.status({ name }, { key, url: '/v1/guarded' })).toBe(403);
    expect(things.work.done).toEqual(['a', 'guard', 'guard']);
  });

  test('after an answer that streams, which is not kept', async () => {
    const key = newKey();
    for (let n = 0; n < 2; n += 1)
      expect(await things.http.inject({ method: 'POST', url: '/v1/stream', headers: { 'idempotency-key': key } })).toMatchObject({
        body: 'a',
      });
    expect(things.work.done).toEqual(['stream', 'stream']);
  });
});

test('an idempotent route without a store keeps the service from starting', async () => {
  const app = await thingsHttp();
  expect(() => app.post('/v1/things', { config: { idempotent: true } }, async () => ({}))).toThrow(
    '/v1/things is idempotent: call installIdempotency',
  );
  await app.close();
});

test('the description names the header, the refusals and the mark of a repeat', () => {
  const { post: route } = things.http.swagger().paths?.['/v1/things'] ?? {};
  expect(route?.parameters).toContainEqual(expect.objectContaining({ in: 'header', name: 'Idempotency-Key', required: false }));
  expect(route?.responses).toMatchObject({
    201: { headers: { 'Idempotency-Replayed': {} } },
  });
  expect(declaredCodes(things.http, 'POST', '/v1/things')).toMatchObject({
    409: ['idempotency_in_progress', 'thing_taken'],
    422: ['idempotency_key_reused'],
  });
});

test('the gateway knows which routes honour a key', () => {
  expect(things.http.declaredRoutes).toContainEqual({ method: 'POST', url: '/v1/things', idempotent: true });
  expect(things.http.declaredRoutes).toContainEqual({ method: 'GET', url: '/health/live' });
});
