import { randomUUID } from 'node:crypto';
import { userDeleted, userProfileChanged, userProfilesSnapshot } from '@stoa/contracts';
import { drained } from '@stoa/messaging/testing';
import { uuidv7 } from '@stoa/service';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, type PostsUnderTest, postsUnderTest, tally, times } from './testing/posts-under-test.ts';

/** Two services, one for each of what may become of the posts of an account that is deleted. */
let deleting: PostsUnderTest;
let keeping: PostsUnderTest;
beforeAll(async () => {
  deleting = await postsUnderTest();
  keeping = await postsUnderTest({ POSTS_ON_USER_DELETED: 'anonymise' });
});
afterAll(async () => {
  await deleting[Symbol.asyncDispose]();
  await keeping[Symbol.asyncDispose]();
});

const authorOf = async (stoa: PostsUnderTest, id: string) => (await stoa.send('GET', `/v1/posts/${id}`)).json().author;
const goes = (stoa: PostsUnderTest, { id: userId }: Person) => stoa.receives(userDeleted, { userId, deletedAt: new Date().toISOString() });
const tries = (stoa: PostsUnderTest, as: Person) => stoa.send('POST', '/v1/posts', { as, body: { title: 'A title', text: 'A text.' } });

describe('a post names its author', () => {
  test('by the profile that arrived, wherever it is shown, and not at all before', async () => {
    const ada = await deleting.person();
    const { id, author } = await deleting.write(ada, { title: 'Nomenclature' });
    expect(author).toEqual({ id: ada.id, name: null });
    await deleting.receives(userProfileChanged, { userId: ada.id, name: 'Ada', version: 1 });
    const named = { id: ada.id, name: 'Ada' };
    expect(await authorOf(deleting, id)).toEqual(named);
    for (const query of ['limit=1', `author=${ada.id}`, 'q=nomenclature', 'q=a nomenclature']) {
      expect((await deleting.page(query)).items[0]?.author).toEqual(named);
    }
    expect((await deleting.write(ada)).author).toEqual(named);
    await deleting.receives(userProfilesSnapshot, { profiles: [{ userId: ada.id, name: null, version: 2 }] });
    expect(await authorOf(deleting, id)).toEqual({ id: ada.id, name: null });
  });

  test('by a name that arrived before they wrote', async () => {
    const ada = await deleting.person();
    await deleting.receives(userProfilesSnapshot, { profiles: [{ userId: ada.id, name: 'Ada', version: 4 }] });
    expect((await deleting.write(ada)).author).toEqual({ id: ada.id, name: 'Ada' });
  });

  test('by the newest name, though an older one comes later, and the same again', async () => {
    const ada = await deleting.person();
    const { id } = await deleting.write(ada);
    const newest = uuidv7();
    await deleting.receives(userProfileChanged, { userId: ada.id, name: 'New', version: 3 }, newest);
    await deleting.receives(userProfileChanged, { userId: ada.id, name: 'Old', version: 2 });
    await deleting.receives(userProfileChanged, { userId: ada.id, name: 'New', version: 3 }, newest);
    await deleting.receives(userProfilesSnapshot, { profiles: [{ userId: ada.id, name: 'Oldest', version: 1 }] });
    expect(await authorOf(deleting, id)).toEqual({ id: ada.id, name: 'New' });
  });

  test('whose account changed in another way: the tag stays, so that a change with it still succeeds', async () => {
    const ada = await deleting.person();
    await deleting.receives(userProfileChanged, { userId: ada.id, name: 'Ada', version: 3 });
    const { id } = await deleting.write(ada);
    const tag = await deleting.tagOf(id);
    await deleting.receives(userProfilesSnapshot, { profiles: [{ userId: ada.id, name: 'Ada', version: 9 }] });
    expect(await deleting.tagOf(id)).toBe(tag);
    await deleting.receives(userProfileChanged, { userId: ada.id, name: 'Ada Lovelace', version: 10 });
    expect(await deleting.tagOf(id)).not.toBe(tag);
  });
});

test('all profiles are requested when the service is new', async () => {
  const { rows } = await sql<{ data: object }>`select data from outbox_events where type = 'user-profiles-requested'`.execute(
    deleting.database.query,
  );
  expect(rows).toEqual([{ data: { requestId: expect.any(String) } }]);
  expect(deleting.receivedBy('users').map(({ type }) => type)).toContain('user-profiles-requested');
});

describe('an account that is deleted', () => {
  const state = async (stoa: PostsUnderTest, { id }: Person) => (await stoa.page(`author=${id}`)).items.length;

  test('takes its posts with it, the hidden ones too, and those of nobody else', async () => {
    const [ada, eve, moderator] = [await deleting.person(), await deleting.person(), await deleting.person('posts:moderate')];
    const [shown, hidden, theirs] = [await deleting.write(ada), await deleting.write(ada), await deleting.write(eve)];
    await deleting.send('POST', `/v1/posts/${hidden.id}/hide`, { as: moderator });
    await goes(deleting, ada);
    for (const { id } of [shown, hidden]) {
      expect((await deleting.eventsOf(id)).at(-1)).toMatchObject({ type: 'post-deleted', data: { postId: id } });
      expect((await deleting.send('GET', `/v1/posts/${id}`)).statusCode).toBe(404);
    }
    expect([await state(deleting, ada), await state(deleting, eve)]).toEqual([0, 1]);
    expect(await authorOf(deleting, theirs.id)).toEqual({ id: eve.id, name: null });
  });

  test('leaves its posts without an author, where they are to stay', async () => {
    const ada = await keeping.person();
    await keeping.receives(userProfileChanged, { userId: ada.id, name: 'Ada', version: 1 });
    const post = await keeping.write(ada, { title: 'Posthumous' });
    const tag = await keeping.tagOf(post.id);
    await goes(keeping, ada);
    const read = await keeping.send('GET', `/v1/posts/${post.id}`, { headers: { 'if-none-match': tag } });
    expect([read.statusCode, read.json()]).toEqual([200, { ...post, author: null }]);
    expect((await keeping.page('q=posthumous')).items).toEqual([{ ...post, author: null }]);
    expect((await keeping.eventsOf(post.id)).slice(1)).toMatchObject([
      { type: 'post-changed', data: { postId: post.id, version: 2, hidden: false } },
    ]);
    expect(await state(keeping, ada)).toBe(0);
    const moderator = await keeping.person('posts:moderate');
    for (const as of [ada, moderator]) {
      expect((await keeping.send('PATCH', `/v1/posts/${post.id}`, { as, body: { text: 'b' } })).json().code).toBe('not_the_author');
    }
    expect((await keeping.send('DELETE', `/v1/posts/${post.id}`, { as: ada })).json().code).toBe('not_the_author');
    expect((await keeping.send('DELETE', `/v1/posts/${post.id}`, { as: moderator })).statusCode).toBe(204);
    expect((await keeping.eventsOf(post.id)).at(-1)).toMatchObject({ type: 'audit-recorded', data: { details: { authorId: null } } });
  });

  test('writes no more, though its token still lives, and a late profile does not bring its name back', async () => {
    for (const stoa of [deleting, keeping]) {
      const [ada, silent] = [await stoa.person(), await stoa.person()];
      const { id } = await stoa.write(ada);
      for (const person of [ada, silent]) {
        await goes(stoa, person);
        await stoa.receives(userProfileChanged, { userId: person.id, name: 'Revenant', version: 9 });
        await stoa.receives(userProfilesSnapshot, { profiles: [{ userId: person.id, name: 'Revenant', version: 10 }] });
        const answer = await tries(stoa, person);
        expect([answer.statusCode, answer.json().code, answer.headers['www-authenticate']]).toEqual([
          401,
          'token_invalid',
          'Bearer realm="stoa", error="invalid_token"',
        ]);
      }
      const { rows } = await sql`select name from authors where name = 'Revenant'`.execute(stoa.database.query);
      expect(rows).toEqual([]);
      expect(stoa === deleting ? (await stoa.send('GET', `/v1/posts/${id}`)).statusCode : await authorOf(stoa, id)).toBe(
        stoa === deleting ? 404 : null,
      );
    }
  });

  test('with more than a thousand posts is removed in batches, each post published once', async () => {
    for (const [stoa, type] of [
      [deleting, 'post-deleted'],
      [keeping, 'post-changed'],
    ] as const) {
      const ada = await stoa.person();
      await stoa.write(ada);
      const { query } = stoa.database;
      await sql`
        insert into posts (id, author_id, title, text, search, created_at, updated_at)
        select gen_random_uuid(), ${ada.id}, 'Many', 'Many.', 'many'::tsvector, now(), now() from generate_series(1, 1204)`.execute(query);
      const { rows: all } = await sql<{ id: string }>`select id from posts where author_id = ${ada.id} order by id`.execute(query);
      await goes(stoa, ada);
      await drained(stoa.database);
      const ids = all.map(({ id }) => id);
      const { rows: told } = await sql<{ key: string }>`
        select key from outbox_events where type = ${type} and key = any(${ids}::text[]) order by key`.execute(query);
      expect(told.map(({ key }) => key)).toEqual(ids);
      const { rows: left } = await sql<{ author_id: string | null; posts: number }>`
        select author_id, count(*)::int as posts from posts where id = any(${ids}::uuid[]) group by 1`.execute(query);
      expect(left).toEqual(stoa === deleting ? [] : [{ author_id: null, posts: 1205 }]);
    }
  });

  test('leaves no post that was written at that very moment', async () => {
    for (const stoa of [deleting, keeping]) {
      const people = await times(12, async (n) => {
        const person = await stoa.person();
        // Half of them are known already.
        if (n % 2 === 0) await stoa.write(person);
        return person;
      });
      const answers = await Promise.all(
        people.flatMap((person) => [
          ...Array.from({ length: 5 }, () => tries(stoa, person)),
          goes(stoa, person).then(() => undefined),
          ...Array.from({ length: 5 }, () => tries(stoa, person)),
        ]),
      );
      const outcomes = tally(answers.filter((answer) => answer !== undefined));
      expect(Object.keys(outcomes).filter((outcome) => outcome !== '201' && outcome !== '401 token_invalid')).toEqual([]);
      await drained(stoa.database);
      const ids = people.map(({ id }) => id);
      const { rows } = await sql`select id from posts where author_id = any(${ids}::uuid[])`.execute(stoa.database.query);
      expect(rows).toEqual([]);
      expect(tally(await Promise.all(people.map((person) => tries(stoa, person))))).toEqual({ '401 token_invalid': people.length });
    }
  });

  test('that is unknown here leaves nothing, and stays deleted', async () => {
    const nobody = { id: randomUUID(), authorization: '' };
    await goes(deleting, nobody);
    await goes(deleting, nobody);
    await deleting.receives(userProfileChanged, { userId: nobody.id, name: 'Late', version: 1 });
    const { rows } = await sql`select name from authors where id = ${nobody.id}`.execute(deleting.database.query);
    expect(rows).toEqual([{ name: null }]);
  });
});
