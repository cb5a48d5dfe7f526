import { userProfileChanged } from '@stoa/contracts';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, type PostsUnderTest, postsUnderTest, tally, times } from './testing/posts-under-test.ts';

let stoa: PostsUnderTest;
let ada: Person;
let eve: Person;
let moderator: Person;
beforeAll(async () => {
  stoa = await postsUnderTest();
  ada = await stoa.person();
  eve = await stoa.person();
  moderator = await stoa.person('posts:moderate');
});
afterAll(() => stoa[Symbol.asyncDispose]());

const read = async (id: string) => (await stoa.send('GET', `/v1/posts/${id}`)).json();
const patch = (id: string, body: unknown, as: Person | undefined = ada, tag?: string) =>
  stoa.send('PATCH', `/v1/posts/${id}`, { as, body, headers: tag === undefined ? {} : { 'if-match': tag } });
const remove = (id: string, as: Person | undefined = ada, tag?: string) =>
  stoa.send('DELETE', `/v1/posts/${id}`, { as, headers: tag === undefined ? {} : { 'if-match': tag } });
const outcome = (answer: Awaited<ReturnType<typeof patch>>) => Object.keys(tally([answer]))[0];
const typesOf = async (id: string) => (await stoa.eventsOf(id)).map(({ type }) => type);

describe('a text that is changed', () => {
  test('is answered whole with its new tag, read by everybody, and published', async () => {
    const post = await stoa.write(ada, { title: 'Kept', text: 'Before.' });
    const tag = await stoa.tagOf(post.id);
    stoa.clock.advance(1_000);
    const changedAt = stoa.clock.now().toISOString();
    const answer = await patch(post.id, { text: 'Behind.' });
    expect([answer.statusCode, answer.json()]).toEqual([200, { ...post, text: 'Behind.', updatedAt: changedAt }]);
    expect(answer.headers['etag']).not.toBe(tag);
    expect([await read(post.id), await stoa.tagOf(post.id)]).toEqual([answer.json(), answer.headers['etag']]);
    const [, ...events] = await stoa.eventsOf(post.id);
    expect(events).toEqual([{ type: 'post-changed', data: { postId: post.id, version: 2, hidden: false, changedAt } }]);
  });

  test('is 503 database_busy, as its description says, while another transaction holds it', async () => {
    const post = await stoa.write(ada);
    const answer = await stoa.database.query.transaction().execute(async (tx) => {
      await sql`select from posts where id = ${post.id} for update`.execute(tx);
      return patch(post.id, { text: 'Too early.' });
    });
    expect(answer.json()).toMatchObject({
      status: 503,
      code: 'database_busy',
      type: '/problems/database_busy',
      title: stoa.http.errorCatalogue['database_busy']?.title,
    });
    expect(answer.headers['retry-after']).toBe('1');
    expect(await read(post.id)).toEqual(post);
  });

  test('is found by its new words and its title, and not by the old ones', async () => {
    const { id } = await stoa.write(ada, { title: 'Quincunx', text: 'Formerly heliotrope.' });
    await patch(id, { text: 'Now vermilion.' });
    const found = async (q: string) => (await stoa.page(`q=${q}`)).items.map((post) => post.id);
    expect([await found('vermilion'), await found('quincunx'), await found('heliotrope')]).toEqual([[id], [id], []]);
    expect(await found('vermillion'), 'its words are known to misspelt searches').toEqual([id]);
  });

  test('to what it is already changes nothing: the same tag, no event', async () => {
    const post = await stoa.write(ada, { text: 'Café.' });
    const tag = await stoa.tagOf(post.id);
    stoa.clock.advance(1_000);
    for (const text of ['Café.', 'Cafe\u0301.']) {
      const answer = await patch(post.id, { text }, ada, tag);
      expect([answer.statusCode, answer.json(), answer.headers['etag']]).toEqual([200, post, tag]);
    }
    expect(await typesOf(post.id)).toEqual(['post-created']);
  });

  test('is checked as a new one is, and its title stays', async () => {
    const { id } = await stoa.write(ada);
    const pathsOf = async (body: unknown) => {
      const answer = await patch(id, body);
      return [answer.statusCode, answer.json().errors.map(({ path }: { path: string }) => path)];
    };
    expect(await pathsOf({})).toEqual([400, ['/text']]);
    expect(await pathsOf({ text: 'a', title: 'b' })).toEqual([400, ['/title']]);
    for (const text of ['', 'a'.repeat(20_001), 'a\u0000b', 5]) expect(await pathsOf({ text })).toEqual([400, ['/text']]);
    expect(await typesOf(id)).toEqual(['post-created']);
  });
});

describe('who changes a post', () => {
  test('is its author alone, and no other person, moderator or service account', async () => {
    const { id, text } = await stoa.write(ada);
    const robot = await stoa.serviceAccount('posts:moderate');
    expect(outcome(await patch(id, { text: 'b' }, eve))).toBe('403 not_the_author');
    expect(outcome(await patch(id, { text: 'b' }, moderator))).toBe('403 not_the_author');
    expect(outcome(await patch(id, { text: 'b' }, robot))).toBe('403 permission_denied');
    expect(outcome(await stoa.send('PATCH', `/v1/posts/${id}`, { body: { text: 'b' } }))).toBe('401 token_missing');
    expect((await read(id)).text).toBe(text);
  });

  test('is nobody, when there is no such post', async () => {
    const { id } = await stoa.write(ada);
    await remove(id);
    expect(outcome(await patch(id, { text: 'b' }))).toBe('404 post_not_found');
    expect(outcome(await remove(id))).toBe('404 post_not_found');
  });
});

describe('who deletes a post', () => {
  test('is its author: it is gone from everywhere, and this is published once', async () => {
    const { id } = await stoa.write(ada, { title: 'Ephemeral' });
    const deletedAt = stoa.clock.now().toISOString();
    const answer = await remove(id);
    expect([answer.statusCode, answer.body]).toEqual([204, '']);
    expect(outcome(await stoa.send('GET', `/v1/posts/${id}`))).toBe('404 post_not_found');
    expect((await stoa.page('q=ephemeral')).items).toEqual([]);
    expect((await stoa.page(`author=${ada.id}&limit=100`)).items.map((post) => post.id)).not.toContain(id);
    expect((await stoa.eventsOf(id)).slice(1)).toEqual([{ type: 'post-deleted', data: { postId: id, deletedAt } }]);
  });

  test('is a moderator, which the audit log records', async () => {
    const { id } = await stoa.write(ada);
    expect((await remove(id, moderator)).statusCode).toBe(204);
    const at = stoa.clock.now().toISOString();
    expect((await stoa.eventsOf(id)).slice(1)).toEqual([
      { type: 'post-deleted', data: { postId: id, deletedAt: at } },
      {
        type: 'audit-recorded',
        data: {
          action: 'post-deleted',
          actor: `user:${moderator.id}`,
          subject: id,
          clientIp: '127.0.0.1',
          details: { authorId: ada.id },
          at,
        },
      },
    ]);
  });

  test('is a moderator of their own post as anybody else: nothing for the audit log', async () => {
    const { id } = await stoa.write(moderator);
    expect((await remove(id, moderator)).statusCode).toBe(204);
    expect(await typesOf(id)).toEqual(['post-created', 'post-deleted']);
  });

  test('is nobody else', async () => {
    const { id } = await stoa.write(ada);
    expect(outcome(await remove(id, eve))).toBe('403 not_the_author');
    expect(outcome(await remove(id, await stoa.serviceAccount('posts:moderate')))).toBe('403 permission_denied');
    expect(outcome(await stoa.send('DELETE', `/v1/posts/${id}`))).toBe('401 token_missing');
    expect((await read(id)).id).toBe(id);
  });
});

describe('If-Match', () => {
  test.for([2, 20])('lets one of %i changes at once through', async (count) => {
    const { id } = await stoa.write(ada);
    const tag = await stoa.tagOf(id);
    const answers = await times(count, (n) => patch(id, { text: `Text ${n}` }, ada, tag));
    expect(tally(answers)).toEqual({ 200: 1, '412 precondition_failed': count - 1 });
    const won = answers.find(({ statusCode }) => statusCode === 200);
    expect([(await read(id)).text, await stoa.tagOf(id)]).toEqual([won?.json().text, won?.headers['etag']]);
    expect(await typesOf(id)).toEqual(['post-created', 'post-changed']);
  });

  test('without it all changes are made, one after the other', async () => {
    const { id } = await stoa.write(ada);
    expect(tally(await times(10, (n) => patch(id, { text: `Text ${n}` })))).toEqual({ 200: 10 });
    const events = (await stoa.eventsOf(id)).filter(({ type }) => type === 'post-changed');
    expect(events.map(({ data }) => data['version'])).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  test('of one delete and one change at once lets one through', async () => {
    const { id } = await stoa.write(ada);
    const tag = await stoa.tagOf(id);
    const answers = await Promise.all([patch(id, { text: 'b' }, ada, tag), remove(id, ada, tag)]);
    const statuses = answers.map(({ statusCode }) => statusCode);
    expect([
      [200, 412],
      [404, 204],
    ]).toContainEqual(statuses);
  });

  test('that is stale is refused, of a change and of a delete', async () => {
    const { id } = await stoa.write(ada);
    const stale = await stoa.tagOf(id);
    await patch(id, { text: 'b' });
    expect(outcome(await patch(id, { text: 'c' }, ada, stale))).toBe('412 precondition_failed');
    expect(outcome(await patch(id, { text: 'b' }, ada, stale)), 'though the text is the same').toBe('412 precondition_failed');
    expect(outcome(await remove(id, ada, stale))).toBe('412 precondition_failed');
    expect((await read(id)).text).toBe('b');
    expect((await remove(id, ada, await stoa.tagOf(id))).statusCode).toBe(204);
  });

  test('may be any tag, one of several, and never a weak one', async () => {
    const { id } = await stoa.write(ada);
    const tag = await stoa.tagOf(id);
    expect(outcome(await patch(id, { text: 'b' }, ada, `W/${tag}`))).toBe('412 precondition_failed');
    expect(outcome(await patch(id, { text: 'b' }, ada, 'none'))).toBe('400 validation_failed');
    expect((await patch(id, { text: 'c' }, ada, `"x", ${tag}`)).statusCode).toBe(200);
    expect((await patch(id, { text: 'd' }, ada, '*')).statusCode).toBe(200);
  });

  test('tells a stranger nothing: they are refused whatever they match', async () => {
    const { id } = await stoa.write(ada);
    for (const tag of ['"0.0"', await stoa.tagOf(id)]) {
      expect(outcome(await patch(id, { text: 'b' }, eve, tag))).toBe('403 not_the_author');
      expect(outcome(await remove(id, eve, tag))).toBe('403 not_the_author');
    }
  });
});

describe('the tag of a post', () => {
  test('answers a reader who knows it with 304, until the text is another', async () => {
    const { id } = await stoa.write(ada);
    const tag = await stoa.tagOf(id);
    const again = () => stoa.send('GET', `/v1/posts/${id}`, { headers: { 'if-none-match': tag } });
    const known = await again();
    expect([known.statusCode, known.body, known.headers['etag']]).toEqual([304, '', tag]);
    await patch(id, { text: 'b' });
    expect([(await again()).statusCode, (await again()).json().text]).toEqual([200, 'b']);
  });

  test('changes when the author gets another name', async () => {
    const author = await stoa.person();
    const { id } = await stoa.write(author);
    const tags = [await stoa.tagOf(id)];
    for (const [version, name] of [
      [1, 'Ada'],
      [2, 'Ada Lovelace'],
    ] as const) {
      await stoa.receives(userProfileChanged, { userId: author.id, name, version });
      const answer = await stoa.send('GET', `/v1/posts/${id}`, { headers: { 'if-none-match': tags.join(', ') } });
      expect([answer.statusCode, answer.json().author]).toEqual([200, { id: author.id, name }]);
      tags.push(answer.headers['etag'] as string);
    }
    expect(new Set(tags).size).toBe(3);
    expect(outcome(await patch(id, { text: 'b' }, author, tags[0]))).toBe('412 precondition_failed');
  });
});

test('a commit that fails leaves neither the change nor its events, whatever the change is', async () => {
  const { id } = await stoa.write(ada);
  const hidden = await stoa.write(ada);
  await stoa.send('POST', `/v1/posts/${hidden.id}/hide`, { as: moderator });
  const { query } = stoa.database;
  const kept = async () => [
    (await sql`select * from posts order by id`.execute(query)).rows,
    (await sql`select message_id from outbox_events order by id`.execute(query)).rows,
    (await sql`select * from words order by word`.execute(query)).rows,
  ];
  const before = await kept();
  await sql`create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no commit'; end $$`.execute(query);
  await sql`create constraint trigger refuse after insert or update or delete on posts deferrable initially deferred
    for each row execute function refuse()`.execute(query);
  try {
    const tries = [
      stoa.send('POST', '/v1/posts', { as: ada, body: { title: 'Uncommitted', text: 'Unwritten.' } }),
      patch(id, { text: 'Unwritten.' }),
      remove(id),
      stoa.send('POST', `/v1/posts/${id}/hide`, { as: moderator }),
      stoa.send('POST', `/v1/posts/${hidden.id}/show`, { as: moderator }),
    ];
    expect(tally(await Promise.all(tries))).toEqual({ '500 internal_error': 5 });
  } finally {
    await sql`drop trigger refuse on posts`.execute(query);
  }
  expect(await kept()).toEqual(before);
});
