import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, type PostsUnderTest, postsUnderTest, times } from './testing/posts-under-test.ts';

let stoa: PostsUnderTest;
let ada: Person;
beforeAll(async () => {
  stoa = await postsUnderTest();
  ada = await stoa.person();
});
afterAll(() => stoa[Symbol.asyncDispose]());

const create = (body: unknown, headers: Record<string, string> = {}, as: Person | undefined = ada) =>
  stoa.send('POST', '/v1/posts', { as, body, headers });
const outcome = async (body: unknown) => {
  const answer = await create(body);
  const { code, errors } = answer.json();
  return [answer.statusCode, code, errors?.map(({ path }: { path: string }) => path)];
};
const refused = (...paths: string[]) => [400, 'validation_failed', paths];

describe('a post that is written', () => {
  test('is answered whole, with its place and its tag, and everybody reads the same', async () => {
    const at = stoa.clock.now().toISOString();
    const answer = await create({ title: 'Notes', text: 'It can do whatever.' });
    expect(answer.statusCode).toBe(201);
    const post = answer.json();
    expect(post).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/),
      title: 'Notes',
      text: 'It can do whatever.',
      author: { id: ada.id, name: null },
      createdAt: at,
      updatedAt: at,
    });
    expect(answer.headers['location']).toBe(`/v1/posts/${post.id}`);
    const read = await stoa.send('GET', `/v1/posts/${post.id}`);
    expect([read.statusCode, read.json(), read.headers['etag']]).toEqual([200, post, answer.headers['etag']]);
    expect((await stoa.page(`author=${ada.id}&limit=1`)).items).toEqual([post]);
  });

  test('is published once', async () => {
    const { id, createdAt } = await stoa.write(ada);
    expect(await stoa.eventsOf(id)).toEqual([{ type: 'post-created', data: { postId: id, authorId: ada.id, createdAt } }]);
  });
});

describe('who writes', () => {
  test('is a person with a session: nobody, a bad token and an API key are refused', async () => {
    const nobody = await stoa.send('POST', '/v1/posts', { body: { title: 'a', text: 'b' } });
    expect([nobody.statusCode, nobody.json().code]).toEqual([401, 'token_missing']);
    const forged = await create({ title: 'a', text: 'b' }, {}, { id: '', authorization: `${ada.authorization.slice(0, -4)}AAAA` });
    expect([forged.statusCode, forged.json().code]).toEqual([401, 'token_invalid']);
    const robot = await create({ title: 'a', text: 'b' }, {}, await stoa.serviceAccount('posts:moderate'));
    expect([robot.statusCode, robot.json().code]).toEqual([403, 'permission_denied']);
  });

  test('is checked before the body is read', async () => {
    const answer = await stoa.http.inject({
      method: 'POST',
      url: '/v1/posts',
      payload: '{"title":',
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.statusCode).toBe(401);
  });
});

describe('an Idempotency-Key', () => {
  const body = { title: 'Once', text: 'Only once.' };
  const postsOf = async ({ id }: Person) => (await stoa.page(`author=${id}`)).items;

  test('gives the first answer again, whole', async () => {
    const author = await stoa.person();
    const headers = { 'idempotency-key': randomUUID() };
    const first = await create(body, headers, author);
    const again = await create(body, headers, author);
    expect([again.statusCode, again.json(), again.headers['idempotency-replayed']]).toEqual([201, first.json(), 'true']);
    for (const name of ['location', 'etag']) expect(again.headers[name]).toBe(first.headers[name]);
    expect(await postsOf(author)).toEqual([first.json()]);
  });

  test('is not for another post, nor for another person', async () => {
    const author = await stoa.person();
    const headers = { 'idempotency-key': randomUUID() };
    const { id } = (await create(body, headers, author)).json();
    const other = await create({ ...body, text: 'Other.' }, headers, author);
    expect([other.statusCode, other.json().code]).toEqual([422, 'idempotency_key_reused']);
    const theirs = await create(body, headers);
    expect(theirs.statusCode).toBe(201);
    expect(theirs.json().id).not.toBe(id);
    expect(await postsOf(author)).toHaveLength(1);
  });

  test('makes no second post, and no second event, where a process died before its answer was kept', async () => {
    const author = await stoa.person();
    const headers = { 'idempotency-key': randomUUID() };
    const first = await create(body, headers, author);
    await sql`update idempotency_keys set answer = null, lease_until = 'epoch'`.execute(stoa.database.query);
    const again = await create(body, headers, author);
    expect([again.statusCode, again.json(), again.headers['idempotency-replayed']]).toEqual([201, first.json(), undefined]);
    expect(again.headers['location']).toBe(first.headers['location']);
    expect(await postsOf(author)).toHaveLength(1);
    expect(await stoa.eventsOf(first.json().id)).toHaveLength(1);
  });

  test('makes one post of twenty tries at once', async () => {
    const author = await stoa.person();
    const headers = { 'idempotency-key': randomUUID() };
    const answers = await times(20, () => create(body, headers, author));
    expect(answers.every(({ statusCode }) => statusCode === 201 || statusCode === 409)).toBe(true);
    expect(await postsOf(author)).toHaveLength(1);
  });
});

describe('a title', () => {
  test.for([
    ['letters', 'a'],
    ['emoji', '\u{1F3DB}'],
    ['letters beyond 16 bits', '\u{20000}'],
  ])('has 1 to 200 code points: %s', async ([, unit = '']) => {
    expect((await outcome({ title: unit.repeat(200), text: 'a' }))[0]).toBe(201);
    expect(await outcome({ title: unit.repeat(201), text: 'a' })).toEqual(refused('/title'));
  });

  test('is counted as it is kept, composed', async () => {
    const answer = await create({ title: 'e\u0301'.repeat(200), text: 'a' });
    expect([answer.statusCode, answer.json().title]).toEqual([201, 'é'.repeat(200)]);
    expect(await outcome({ title: 'a\u0338'.repeat(101), text: 'a' })).toEqual(refused('/title'));
  });

  test.for(['', 'a\nb', 'a\rb', 'a\tb', 'a\u2028b', 'a\u2029b', 'a\u0000b', 'a\u001bb', 'a\u0085b', 5, null, ['a']])(
    'is not %j',
    async (title) => {
      expect(await outcome({ title, text: 'a' })).toEqual(refused('/title'));
    },
  );
});

describe('a text', () => {
  test('has 1 to 20,000 code points', async () => {
    for (const unit of ['a', '\u{1F3DB}']) {
      expect((await outcome({ title: 'a', text: unit.repeat(20_000) }))[0]).toBe(201);
      expect(await outcome({ title: 'a', text: unit.repeat(20_001) })).toEqual(refused('/text'));
    }
  });

  test.for(['', ' \n\u00a0\u3000 ', '\u200b', '\u3164', 'a\u0000b', 'a\u0007b', 'a\u009bb', 5, null, {}])('is not %j', async (text) => {
    expect(await outcome({ title: 'a', text })).toEqual(refused('/text'));
  });

  test.for([
    ['line breaks and tabs', '\tone\n\ntwo\r\nthree\n'],
    ['marks of direction', 'a\u200fb\u202ec\u2066d'],
    ['HTML', `<script>alert("1")</script>&amp;<img src=x onerror='a'>`],
    ['SQL', `'; drop table posts; -- \\' " $1 %s`],
    ['what looks like JSON', '{"a":"\\u0000"}\\'],
    ['joined emoji', '👩🏽‍🚀👨‍👩‍👧‍👦🏳️‍🌈'],
    ['blanks around it', '  \u00a0a\u3000 '],
    ['a word longer than any', 'x'.repeat(20_000)],
    ['signs that fold to many letters each', 'ﷺ'.repeat(20_000)],
  ])('comes back as it was written: %s', async ([, text = '']) => {
    const post = await stoa.write(ada, { title: 'As it is', text });
    expect(post.text).toBe(text);
    expect((await stoa.send('GET', `/v1/posts/${post.id}`)).json().text).toBe(text);
  });

  test('is kept in normal form C', async () => {
    expect(await stoa.write(ada, { title: 'Cafe\u0301', text: 'Zu\u0308rich' })).toMatchObject({ title: 'Café', text: 'Zürich' });
  });

  test('of different words, as many as go in, is taken', async () => {
    const text = Array.from({ length: 3_300 }, (_, n) => n.toString(36).padStart(5, 'w')).join(' ');
    const { id } = await stoa.write(ada, { title: 'Many', text });
    expect((await stoa.page('q=wwww0 www2j')).items.map((post) => post.id)).toEqual([id]);
  });
});

describe('a body is refused', () => {
  test('with a field that is missing, or is not known', async () => {
    expect(await outcome({ title: 'a' })).toEqual(refused('/text'));
    expect(await outcome({ text: 'a' })).toEqual(refused('/title'));
    expect(await outcome({ title: 'a', text: 'b', author: ada.id })).toEqual(refused('/author'));
    expect(await outcome({ title: 'a', text: 'b', id: randomUUID() })).toEqual(refused('/id'));
  });

  test.for([
    '{"title":"a","text":"\\ud800"}',
    '{"title":"\\udc00a","text":"b"}',
    '{"title":"a","text":"a\\u0000b"}',
    '[]',
    '"a"',
    'null',
    '{',
  ])('as %s', async (payload) => {
    const sent = await stoa.http.inject({
      method: 'POST',
      url: '/v1/posts',
      payload,
      headers: { 'content-type': 'application/json', authorization: ada.authorization },
    });
    expect(sent.statusCode, sent.body).toBe(400);
  });

  test('of 256 KiB, and of more', async () => {
    expect((await outcome({ title: 'a', text: 'a'.repeat(262_000) }))[0]).toBe(400);
    expect((await outcome({ title: 'a', text: 'a'.repeat(262_144) }))[0]).toBe(413);
  });
});
