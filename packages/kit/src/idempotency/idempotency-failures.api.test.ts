import { connect } from 'node:net';
import type { Http } from '@stoa/http';
import { sendRaw, thingsHttp } from '@stoa/http/testing';
import { eventually } from '@stoa/service/testing';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type IdempotentThings, newKey, startIdempotentThings } from '../testing/idempotent-things.ts';

let things: IdempotentThings;
beforeAll(async () => {
  things = await startIdempotentThings();
});
beforeEach(() => things.reset());
afterAll(() => things[Symbol.asyncDispose]());

describe('a try that died', () => {
  test('is repeated after 60 seconds, and can no longer answer for the key', async () => {
    const key = newKey();
    const dead = things.post({ name: 'slow' }, { key });
    await eventually(() => expect(things.work.done).toHaveLength(1));
    things.clock.advance(59_999);
    expect(await things.status({ name: 'slow' }, { key, at: things.other })).toBe(409);
    things.clock.advance(1);
    const second = things.post({ name: 'slow' }, { key, at: things.other });
    await eventually(() => expect(things.work.done).toHaveLength(2));
    things.work.gate.resolve();
    await dead;
    const { text } = await second;
    expect(await things.post({ name: 'slow' }, { key })).toMatchObject({ isReplay: true, text });
  });

  test('with its client, behind a gateway, has its answer kept all the same', async () => {
    const key = newKey();
    const gateway = await thingsHttp();
    const handOver = (request: FastifyRequest, reply: FastifyReply) => things.http.routing(request.raw, reply.hijack().raw);
    gateway.post('/v1/things', { onRequest: handOver }, async () => 'never');
    const url = new URL(await gateway.listen({ port: 0, host: '127.0.0.1' }));
    const message = (end: string) =>
      `POST /v1/things HTTP/1.1\r\nhost: a\r\nidempotency-key: ${key}\r\ncontent-type: application/json\r\ncontent-length: 15\r\n${end}\r\n{"name":"slow"}`;
    const client = connect(Number(url.port), '127.0.0.1');
    client.write(message(''));
    await eventually(() => expect(things.work.done).toEqual(['slow']));
    client.destroy();
    things.work.gate.resolve();
    const repeat = await eventually(async () => {
      const answer = await sendRaw(url.href, message('connection: close\r\n'));
      expect(answer.status).toBe(201);
      return answer;
    });
    expect([repeat.headers.get('idempotency-replayed'), JSON.parse(repeat.body).name]).toEqual(['true', 'slow']);
    expect(things.work.done).toEqual(['slow']);
    await gateway.close();
  });
});

describe('work that outlasts its deadline', () => {
  let hasty: Http;
  beforeAll(async () => {
    hasty = await things.startCopy({ deadlineMs: 100 });
  });
  afterAll(() => hasty.close());

  test('is answered 503; its key is held until it has ended, and a repeat then makes what it would have made', async () => {
    const key = newKey();
    const late = await things.post({ name: 'slow' }, { key, at: hasty });
    expect(late).toMatchObject({ status: 503, body: { code: 'service_unavailable' } });
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(0);
    expect((await things.post({ name: 'slow' }, { key, at: things.other })).body.code).toBe('idempotency_in_progress');
    expect(things.work.done).toEqual(['slow']);
    things.work.gate.resolve();
    const repeat = await eventually(async () => {
      const answer = await things.post({ name: 'slow' }, { key, at: things.other });
      expect(answer.status).toBe(201);
      return answer;
    });
    expect(repeat).toMatchObject({ isReplay: false, body: { reservedResourceId: things.work.made[0] } });
    expect(things.work.made).toEqual([things.work.made[0], things.work.made[0]]);
    expect(await things.status({ name: 'slow' }, { key })).toBe('201 again');
  });

  test('and never ends is taken over at the end of its lease', async () => {
    const key = newKey();
    expect(await things.status({ name: 'slow' }, { key, at: hasty })).toBe(503);
    things.clock.advance(59_999);
    expect(await things.status({ name: 'slow' }, { key, at: things.other })).toBe(409);
    things.clock.advance(1);
    const second = things.post({ name: 'slow' }, { key, at: things.other });
    await eventually(() => expect(things.work.made).toEqual([things.work.made[0], things.work.made[0]]));
    things.work.gate.resolve();
    expect((await second).status).toBe(201);
  });

  test('without a key takes the time that it takes', async () => {
    const answer = things.post({ name: 'slow' }, { at: hasty });
    await eventually(() => expect(things.work.done).toEqual(['slow']));
    // It began before one that is late already.
    expect(await things.status({ name: 'slow' }, { key: newKey(), at: hasty })).toBe(503);
    things.work.gate.resolve();
    expect((await answer).status).toBe(201);
  });
});

test('a store that fails after the work loses no answer, and the failure is logged', async () => {
  const away = async () => {
    throw new Error('the store is away');
  };
  const app = await things.startCopy({ store: { ...things.store, finish: away, giveUp: away } });
  const key = newKey();
  expect(await things.status({ name: 'a' }, { key, at: app })).toBe(201);
  expect(await things.status({ name: 'b', fail: 'thing_busy' }, { key: newKey(), at: app })).toBe(503);
  expect(things.lines.filter((line) => line.includes('could not be kept'))).toHaveLength(2);
  expect(await things.status({ name: 'a' }, { key }), 'it counts as running').toBe(409);
  things.clock.advance(60_000);
  expect(await things.status({ name: 'a' }, { key })).toBe(201);
  await app.close();
});
