import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type IdempotentThings, type KeysSchema, newKey, startIdempotentThings } from '../testing/idempotent-things.ts';

const HOUR = 3_600_000;
let things: IdempotentThings;
beforeAll(async () => {
  things = await startIdempotentThings();
});
beforeEach(() => things.reset());
afterAll(() => things[Symbol.asyncDispose]());

describe('a key belongs to', () => {
  test('one request: another body or query is refused', async () => {
    const key = newKey();
    await things.post({ name: 'a' }, { key });
    for (const [body, url] of [
      [{ name: 'b' }, '/v1/things'],
      [{ name: 'a', note: '' }, '/v1/things'],
      [{ name: 'a' }, '/v1/things?mode=x'],
    ] as const) {
      expect((await things.post(body, { key, url })).body).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    }
    expect(await things.status({ name: 'a' }, { key })).toBe('201 again');
    expect(things.work.done).toEqual(['a']);
  });

  test('one caller, or else one client IP', async () => {
    const key = newKey();
    const senders = [{ caller: 'ada' }, { caller: 'eve' }, {}, { clientIp: '192.0.2.2' }, { caller: '192.0.2.1' }];
    for (const sender of senders) expect(await things.status({ name: 'a' }, { key, ...sender })).toBe(201);
    expect(await things.status({ name: 'a' }, { key, caller: 'ada', clientIp: '192.0.2.3' })).toBe('201 again');
    expect(await things.status({ name: 'a' }, { key, clientIp: '::ffff:192.0.2.2' })).toBe('201 again');
    expect(things.work.done).toHaveLength(senders.length);
  });

  test('one path', async () => {
    const key = newKey();
    for (const id of ['1', '2']) expect(await things.status(undefined, { key, url: `/v1/things/${id}/close` })).toBe(204);
    expect(things.work.done).toEqual(['close 1', 'close 2']);
  });

  test('24 hours', async () => {
    const key = newKey();
    await things.post({ name: 'a' }, { key });
    things.clock.advance(24 * HOUR - 1);
    expect(await things.status({ name: 'a' }, { key })).toBe('201 again');
    things.clock.advance(1);
    expect(await things.status({ name: 'b' }, { key })).toBe(201);
  });
});

describe('a key that is', () => {
  test.for([
    ['empty', ''],
    ['too long', 'a'.repeat(256)],
    ['not ASCII', 'cl\xe9'],
    ['with a tab', 'a\tb'],
  ] as const)('%s is refused, and nothing is done', async ([, key]) => {
    const answer = await things.post({ name: 'a' }, { key });
    expect([answer.status, answer.body.code, answer.body.errors?.[0].path]).toEqual([400, 'validation_failed', '/headers/idempotency-key']);
    expect(things.work.done).toEqual([]);
  });

  test('sent twice is refused', async () => {
    const key = [newKey(), newKey()] as unknown as string;
    expect((await things.post({ name: 'a' }, { key })).body).toMatchObject({
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
    expect(await things.status({ name: 'a' }, { key })).toBe(201);
    expect(await things.status({ name: 'a' }, { key })).toBe('201 again');
  });
});

describe('at rest', () => {
  const rows = () => things.query.selectFrom('idempotency_keys').selectAll().execute();

  test('neither key, caller, request nor answer can be read, nor do equal ones look alike', async () => {
    const before = (await rows()).length;
    const body = { name: 'hunter2 password' };
    for (const key of ['my secret key 1', 'my secret key 2']) await things.post(body, { key, caller: 'ada lovelace' });
    const all = await rows();
    expect(all.length).toBe(before + 2);
    const bytes = all.flatMap(({ key, request, answer }) => [key, request, answer ?? Buffer.alloc(0)]).map(String);
    for (const word of ['hunter2', 'my secret', 'lovelace', '/v1/things', '201']) expect(bytes.join('\n')).not.toContain(word);
    const newest = all.slice(-2);
    expect(newest[0]?.answer?.equals(newest[1]?.answer as Buffer)).toBe(false);
  });

  test('an answer opens in its own row alone', async () => {
    const { query } = things;
    const [mine, theirs] = [newKey(), newKey()];
    const known = (await rows()).map(({ owner }) => owner);
    await things.post({ name: 'a' }, { key: mine });
    await things.post({ name: 'a' }, { key: theirs, caller: 'eve' });
    const [first, second] = (await rows()).filter(({ owner }) => !known.includes(owner)) as [
      KeysSchema['idempotency_keys'],
      KeysSchema['idempotency_keys'],
    ];
    await query.updateTable('idempotency_keys').set({ answer: first.answer }).where('owner', '=', second.owner).execute();
    await query.updateTable('idempotency_keys').set({ answer: second.answer }).where('owner', '=', first.owner).execute();
    expect(await things.status({ name: 'a' }, { key: mine })).toBe(500);
    expect(await things.status({ name: 'a' }, { key: theirs, caller: 'eve' })).toBe(500);
  });
});
