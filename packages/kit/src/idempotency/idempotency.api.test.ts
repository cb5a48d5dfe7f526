import { randomBytes, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { type Http, type IdempotencyStore, installIdempotency, problems } from '@stoa/http';
import { declaredCodes, sendRaw, thingsHttp } from '@stoa/http/testing';
import { type TestDatabase, testDatabase } from '@stoa/postgres/testing';
import { createKeys, createLog, defineErrors, fakeClock } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { migrationSourcesOf } from '../migration-sources.ts';
import { createPgIdempotency } from './pg-idempotency.ts';

interface Schema {
  idempotency_keys: { key: Buffer; request: Buffer; owner: string; answer: Buffer | null; lease_until: Date; expires_at: Date };
}

const errors = defineErrors({
  thing_taken: { kind: 'conflict', title: 'Taken.', cause: 'c', fix: 'f' },
  thing_busy: { kind: 'unavailable', title: 'Busy.', cause: 'c', fix: 'f' },
  too_many: { kind: 'too-many', title: 'Many.', cause: 'c', fix: 'f' },
  not_you: { kind: 'forbidden', title: 'No.', cause: 'c', fix: 'f' },
});
const HOUR = 3_600_000;
const derive = createKeys(randomBytes(32).toString('base64'));
const clock = fakeClock(new Date('2026-11-21T09:00:00Z'));
const lines: string[] = [];
const log = createLog({ destination: { write: (line: string) => void lines.push(line) } });
let fixture: TestDatabase<Schema>;
let store: IdempotencyStore;
/** What the handlers did, in any instance. */
let done: string[];
/** The ids that were reserved for what they make. */
let made: unknown[];
/** Holds a handler back. */
let gate: PromiseWithResolvers<void>;
let http: Http;
let other: Http;

beforeAll(async () => {
  fixture = await testDatabase<Schema>({ sources: migrationSourcesOf({ name: 'things' }) });
  store = createPgIdempotency(fixture.database.query);
  [http, other] = await Promise.all([instance(store), instance(store)]);
});
beforeEach(() => {
  done = [];
  made = [];
  lines.length = 0;
  gate = Promise.withResolvers();
});
afterAll(async () => {
  await Promise.all([http.close(), other.close()]);
  await fixture[Symbol.asyncDispose]();
});

/** A copy of a service; who calls is said in a header. */
async function instance(of: IdempotencyStore, options: { readonly deadlineMs?: number } = {}): Promise<Http> {
  const app = await thingsHttp(errors.catalogue);
  const callerOf = ({ headers }: { headers: Record<string, unknown> }) => headers['x-caller'] as string | undefined;
  installIdempotency(app, { store: of, derive, clock, log, callerOf, ...options });
  const body = Type.Object(
    { name: Type.String({ maxLength: 20 }), note: Type.Optional(Type.String()), fail: Type.Optional(Type.String()) },
    { additionalProperties: false },
  );
  const response = { 201: Type.Any(), ...problems(errors, 'thing_taken') };
  const querystring = Type.Object({ mode: Type.Optional(Type.String()) }, { additionalProperties: false });
  app.post('/v1/things', { config: { idempotent: true }, schema: { body, querystring, response } }, async (request, reply) => {
    const { name, fail } = request.body;
    done.push(name);
    made.push(request.reservedResourceId);
    if (name === 'slow') await gate.promise;
    const [code, times] = (fail ?? '').split('*');
    if (code && done.filter((entry) => entry === name).length <= Number(times ?? 1_000)) {
      throw code === 'bug' ? new Error('a bug') : errors[code as keyof typeof errors.catalogue]();
    }
    return reply
      .code(201)
      .header('location', `/v1/things/${name}`)
      .header('etag', '"1"')
      .header('x-other', 'a')
      .send({ name, n: done.length, reservedResourceId: request.reservedResourceId });
  });
  const guarded = { config: { idempotent: true }, schema: { body } } as const;
  const onRequest = async () => {
    done.push('guard');
    throw errors.not_you();
  };
  app.post('/v1/guarded', { ...guarded, onRequest }, async () => ({}));
  app.post('/v1/things/:id/close', { config: { idempotent: true } }, async ({ params }, reply) => {
    done.push(`close ${(params as { id: string }).id}`);
    return reply.code(204).send();
  });
  app.post('/v1/stream', { config: { idempotent: true } }, async (_request, reply) => {
    done.push('stream');
    return reply.type('text/plain').send(ReadableStream.from(['a']));
  });
  await app.ready();
  return app;
}

interface Sent {
  readonly key?: string;
  readonly caller?: string;
  readonly url?: string;
  readonly at?: Http;
  readonly address?: string;
}
const newKey = () => randomUUID();
async function post(body: object | undefined, { key, caller, url = '/v1/things', at = http, address = '192.0.2.1' }: Sent = {}) {
  const headers = { ...(key !== undefined && { 'idempotency-key': key }), ...(caller && { 'x-caller': caller }) };
  const answer = await at.inject({ method: 'POST', url, headers, remoteAddress: address, ...(body && { payload: body }) });
  const isReplay = answer.headers['idempotency-replayed'] === 'true';
  return {
    status: answer.statusCode,
    isReplay,
    headers: answer.headers,
    text: answer.body,
    body: answer.body === '' ? null : answer.json(),
  };
}
const status = async (...sent: Parameters<typeof post>) => {
  const { status, isReplay } = await post(...sent);
  return isReplay ? `${status} again` : status;
};

describe('a repeat', () => {
  test('gets the first answer, byte for byte, and nothing is done again', async () => {
    const key = newKey();
    const first = await post({ name: 'a' }, { key });
    const second = await post({ name: 'a' }, { key });
    expect(first).toMatchObject({ status: 201, isReplay: false });
    expect(second).toMatchObject({ status: 201, isReplay: true, text: first.text });
    for (const header of ['content-type', 'location', 'etag', 'content-length']) expect(second.headers[header]).toBe(first.headers[header]);
    expect(second.headers['x-correlation-id']).not.toBe(first.headers['x-correlation-id']);
    expect(second.headers['x-other']).toBeUndefined();
    expect(done).toEqual(['a']);
  });

  test('may name the fields in another order, and goes to any copy of the service', async () => {
    const key = newKey();
    await post({ name: 'a', note: 'b' }, { key });
    expect(await status({ note: 'b', name: 'a' }, { key, at: other })).toBe('201 again');
    expect(done).toEqual(['a']);
  });

  test('without a key is a new request', async () => {
    expect([await status({ name: 'a' }), await status({ name: 'a' })]).toEqual([201, 201]);
    expect(done).toEqual(['a', 'a']);
  });

  test('of a refusal gets the refusal, of no body none', async () => {
    const [key, another] = [newKey(), newKey()];
    const first = await post({ name: 'a', fail: 'thing_taken*1' }, { key });
    const second = await post({ name: 'a', fail: 'thing_taken*1' }, { key });
    expect([first.status, second.status, second.isReplay, second.text]).toEqual([409, 409, true, first.text]);
    expect(second.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    const close = { key: another, url: '/v1/things/7/close' };
    expect(await status(undefined, close)).toBe(204);
    expect(await post(undefined, close)).toMatchObject({ status: 204, isReplay: true, body: null });
    expect(done).toEqual(['a', 'close 7']);
  });

  test('20 at once: one is done, the others wait for it or get its answer', async () => {
    const key = newKey();
    const copies = [http, other];
    const all = await Promise.all(Array.from({ length: 20 }, (_, n) => post({ name: 'a' }, { key, at: copies[n % 2] as Http })));
    expect(done).toEqual(['a']);
    expect(all.filter(({ status, isReplay }) => status === 201 && !isReplay)).toHaveLength(1);
    for (const { status, isReplay, body, headers } of all.filter((answer) => answer.status !== 201 || answer.isReplay)) {
      if (status === 201) expect(isReplay).toBe(true);
      else expect([status, body.code, headers['retry-after']]).toEqual([409, 'idempotency_in_progress', '1']);
    }
  });

  test('while the first runs is told to come later', async () => {
    const key = newKey();
    const first = post({ name: 'slow' }, { key });
    await eventually(() => expect(done).toEqual(['slow']));
    expect((await post({ name: 'slow' }, { key, at: other })).body).toMatchObject({ status: 409, code: 'idempotency_in_progress' });
    expect((await post({ name: 'b' }, { key })).body).toMatchObject({ status: 422 });
    gate.resolve();
    expect((await first).status).toBe(201);
    expect(await status({ name: 'slow' }, { key })).toBe('201 again');
  });
});

describe('a key belongs to', () => {
  test('one request: another body or query is refused', async () => {
    const key = newKey();
    await post({ name: 'a' }, { key });
    for (const [body, url] of [
      [{ name: 'b' }, '/v1/things'],
      [{ name: 'a', note: '' }, '/v1/things'],
      [{ name: 'a' }, '/v1/things?mode=x'],
    ] as const) {
      expect((await post(body, { key, url })).body).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    }
    expect(await status({ name: 'a' }, { key })).toBe('201 again');
    expect(done).toEqual(['a']);
  });

  test('one caller, or else one address', async () => {
    const key = newKey();
    const senders = [{ caller: 'ada' }, { caller: 'eve' }, {}, { address: '192.0.2.2' }, { caller: '192.0.2.1' }];
    for (const sender of senders) expect(await status({ name: 'a' }, { key, ...sender })).toBe(201);
    expect(await status({ name: 'a' }, { key, caller: 'ada', address: '192.0.2.3' })).toBe('201 again');
    expect(await status({ name: 'a' }, { key, address: '::ffff:192.0.2.2' })).toBe('201 again');
    expect(done).toHaveLength(senders.length);
  });

  test('one path', async () => {
    const key = newKey();
    for (const id of ['1', '2']) expect(await status(undefined, { key, url: `/v1/things/${id}/close` })).toBe(204);
    expect(done).toEqual(['close 1', 'close 2']);
  });

  test('24 hours', async () => {
    const key = newKey();
    await post({ name: 'a' }, { key });
    clock.advance(24 * HOUR - 1);
    expect(await status({ name: 'a' }, { key })).toBe('201 again');
    clock.advance(1);
    expect(await status({ name: 'b' }, { key })).toBe(201);
  });
});

describe('a request may be tried again with its key', () => {
  test.for(['bug', 'thing_busy', 'too_many', 'not_you'])('after %s', async (fail) => {
    const key = newKey();
    const first = await post({ name: 'a', fail: `${fail}*1` }, { key });
    expect(first.status).toBeGreaterThanOrEqual(403);
    expect((await post({ name: 'b' }, { key })).body).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    const again = await post({ name: 'a', fail: `${fail}*1` }, { key });
    expect([again.status, again.body.reservedResourceId]).toEqual([201, made[0]]);
    expect(made).toEqual([made[0], made[0]]);
  });

  test('after what validation or the guard refused', async () => {
    const key = newKey();
    for (const name of [7, 'a'.repeat(21)]) expect(await status({ name }, { key })).toBe(400);
    expect(await status({ name: 'a' }, { key })).toBe(201);
    for (const name of ['a', 'b']) expect(await status({ name }, { key, url: '/v1/guarded' })).toBe(403);
    expect(done).toEqual(['a', 'guard', 'guard']);
  });

  test('after an answer that streams, which is not kept', async () => {
    const key = newKey();
    for (let n = 0; n < 2; n += 1)
      expect(await http.inject({ method: 'POST', url: '/v1/stream', headers: { 'idempotency-key': key } })).toMatchObject({ body: 'a' });
    expect(done).toEqual(['stream', 'stream']);
  });
});

describe('a try that died', () => {
  test('is repeated after 60 seconds, and can no longer answer for the key', async () => {
    const key = newKey();
    const dead = post({ name: 'slow' }, { key });
    await eventually(() => expect(done).toHaveLength(1));
    clock.advance(59_999);
    expect(await status({ name: 'slow' }, { key, at: other })).toBe(409);
    clock.advance(1);
    const second = post({ name: 'slow' }, { key, at: other });
    await eventually(() => expect(done).toHaveLength(2));
    gate.resolve();
    await dead;
    const { text } = await second;
    expect(await post({ name: 'slow' }, { key })).toMatchObject({ isReplay: true, text });
  });

  test('with its client, behind a gateway, has its answer kept all the same', async () => {
    const key = newKey();
    const gateway = await thingsHttp();
    const handOver = (request: FastifyRequest, reply: FastifyReply) => http.routing(request.raw, reply.hijack().raw);
    gateway.post('/v1/things', { onRequest: handOver }, async () => 'never');
    const url = new URL(await gateway.listen({ port: 0, host: '127.0.0.1' }));
    const message = (end: string) =>
      `POST /v1/things HTTP/1.1\r\nhost: a\r\nidempotency-key: ${key}\r\ncontent-type: application/json\r\ncontent-length: 15\r\n${end}\r\n{"name":"slow"}`;
    const client = connect(Number(url.port), '127.0.0.1');
    client.write(message(''));
    await eventually(() => expect(done).toEqual(['slow']));
    client.destroy();
    gate.resolve();
    const repeat = await eventually(async () => {
      const answer = await sendRaw(url.href, message('connection: close\r\n'));
      expect(answer.status).toBe(201);
      return answer;
    });
    expect([repeat.headers.get('idempotency-replayed'), JSON.parse(repeat.body).name]).toEqual(['true', 'slow']);
    expect(done).toEqual(['slow']);
    await gateway.close();
  });
});

describe('work that outlasts its deadline', () => {
  let hasty: Http;
  beforeAll(async () => {
    hasty = await instance(store, { deadlineMs: 100 });
  });
  afterAll(() => hasty.close());

  test('is answered 503; its key is held until it has ended, and a repeat then makes what it would have made', async () => {
    const key = newKey();
    const late = await post({ name: 'slow' }, { key, at: hasty });
    expect(late).toMatchObject({ status: 503, body: { code: 'service_unavailable' } });
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(0);
    expect((await post({ name: 'slow' }, { key, at: other })).body.code).toBe('idempotency_in_progress');
    expect(done).toEqual(['slow']);
    gate.resolve();
    const repeat = await eventually(async () => {
      const answer = await post({ name: 'slow' }, { key, at: other });
      expect(answer.status).toBe(201);
      return answer;
    });
    expect(repeat).toMatchObject({ isReplay: false, body: { reservedResourceId: made[0] } });
    expect(made).toEqual([made[0], made[0]]);
    expect(await status({ name: 'slow' }, { key })).toBe('201 again');
  });

  test('and never ends is taken over at the end of its lease', async () => {
    const key = newKey();
    expect(await status({ name: 'slow' }, { key, at: hasty })).toBe(503);
    clock.advance(59_999);
    expect(await status({ name: 'slow' }, { key, at: other })).toBe(409);
    clock.advance(1);
    const second = post({ name: 'slow' }, { key, at: other });
    await eventually(() => expect(made).toEqual([made[0], made[0]]));
    gate.resolve();
    expect((await second).status).toBe(201);
  });

  test('without a key takes the time that it takes', async () => {
    const answer = post({ name: 'slow' }, { at: hasty });
    await eventually(() => expect(done).toEqual(['slow']));
    // It began before one that is late already.
    expect(await status({ name: 'slow' }, { key: newKey(), at: hasty })).toBe(503);
    gate.resolve();
    expect((await answer).status).toBe(201);
  });
});

describe('a key that is', () => {
  test.for([
    ['empty', ''],
    ['too long', 'a'.repeat(256)],
    ['not ASCII', 'cl\xe9'],
    ['with a tab', 'a\tb'],
  ] as const)('%s is refused, and nothing is done', async ([, key]) => {
    const answer = await post({ name: 'a' }, { key });
    expect([answer.status, answer.body.code, answer.body.errors?.[0].path]).toEqual([400, 'validation_failed', '/headers/idempotency-key']);
    expect(done).toEqual([]);
  });

  test('sent twice is refused', async () => {
    const key = [newKey(), newKey()] as unknown as string;
    expect((await post({ name: 'a' }, { key })).body).toMatchObject({
      status: 400,
      errors: [{ path: '/headers/idempotency-key', message: 'must come once' }],
    });
  });

  test.for([
    ['as long as may be', 'a'.repeat(255)],
    ['a quoted UUID', `"${randomUUID()}"`],
    ['a name of JavaScript', '__proto__'],
    ['a piece of SQL', "'; drop table idempotency_keys; --"],
    ['percent-encoded', '%00'],
    ['hardly visible', ' ~ '],
  ] as const)('%s is taken as it is', async ([, key]) => {
    expect(await status({ name: 'a' }, { key })).toBe(201);
    expect(await status({ name: 'a' }, { key })).toBe('201 again');
  });
});

describe('at rest', () => {
  const rows = () => fixture.database.query.selectFrom('idempotency_keys').selectAll().execute();

  test('neither key, caller, request nor answer can be read, nor do equal ones look alike', async () => {
    const before = (await rows()).length;
    const body = { name: 'hunter2 password' };
    for (const key of ['my secret key 1', 'my secret key 2']) await post(body, { key, caller: 'ada lovelace' });
    const all = await rows();
    expect(all.length).toBe(before + 2);
    const bytes = all.flatMap(({ key, request, answer }) => [key, request, answer ?? Buffer.alloc(0)]).map(String);
    for (const word of ['hunter2', 'my secret', 'lovelace', '/v1/things', '201']) expect(bytes.join('\n')).not.toContain(word);
    const newest = all.slice(-2);
    expect(newest[0]?.answer?.equals(newest[1]?.answer as Buffer)).toBe(false);
  });

  test('an answer opens in its own row alone', async () => {
    const { query } = fixture.database;
    const [mine, theirs] = [newKey(), newKey()];
    const known = (await rows()).map(({ owner }) => owner);
    await post({ name: 'a' }, { key: mine });
    await post({ name: 'a' }, { key: theirs, caller: 'eve' });
    const [first, second] = (await rows()).filter(({ owner }) => !known.includes(owner)) as [
      Schema['idempotency_keys'],
      Schema['idempotency_keys'],
    ];
    await query.updateTable('idempotency_keys').set({ answer: first.answer }).where('owner', '=', second.owner).execute();
    await query.updateTable('idempotency_keys').set({ answer: second.answer }).where('owner', '=', first.owner).execute();
    expect(await status({ name: 'a' }, { key: mine })).toBe(500);
    expect(await status({ name: 'a' }, { key: theirs, caller: 'eve' })).toBe(500);
  });
});

test('a store that fails after the work costs nobody the answer, and the log tells', async () => {
  const away = async () => {
    throw new Error('the store is away');
  };
  const app = await instance({ ...store, finish: away, giveUp: away });
  const key = newKey();
  expect(await status({ name: 'a' }, { key, at: app })).toBe(201);
  expect(await status({ name: 'b', fail: 'thing_busy' }, { key: newKey(), at: app })).toBe(503);
  expect(lines.filter((line) => line.includes('could not be kept'))).toHaveLength(2);
  expect(await status({ name: 'a' }, { key }), 'it counts as running').toBe(409);
  clock.advance(60_000);
  expect(await status({ name: 'a' }, { key })).toBe(201);
  await app.close();
});

test('an idempotent route that nobody keeps the answers of does not start', async () => {
  const app = await thingsHttp();
  expect(() => app.post('/v1/things', { config: { idempotent: true } }, async () => ({}))).toThrow(
    '/v1/things is idempotent: call installIdempotency',
  );
  await app.close();
});

test('the description names the header, the refusals and the mark of a repeat', () => {
  const { post: route } = http.swagger().paths?.['/v1/things'] ?? {};
  expect(route?.parameters).toContainEqual(expect.objectContaining({ in: 'header', name: 'Idempotency-Key', required: false }));
  expect(route?.responses).toMatchObject({
    201: { headers: { 'Idempotency-Replayed': {} } },
  });
  expect(declaredCodes(http, 'POST', '/v1/things')).toMatchObject({
    409: ['idempotency_in_progress', 'thing_taken'],
    422: ['idempotency_key_reused'],
  });
});

test('the gateway is told which routes honour a key', () => {
  expect(http.declaredRoutes).toContainEqual({ method: 'POST', url: '/v1/things', idempotent: true });
  expect(http.declaredRoutes).toContainEqual({ method: 'GET', url: '/health/live' });
});
