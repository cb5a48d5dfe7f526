import { randomUUID } from 'node:crypto';
import { plansOf } from '@stoa/postgres/testing';
import { systemClock } from '@stoa/service';
import { sql, type Transaction } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cleanUp } from './clean-up.ts';
import { createUserEvents } from './on-user-events.ts';
import { createFindPost, createPostList, type PostFilter, searchPosts } from './posts.view.ts';
import { seedPosts } from './seed-posts.ts';
import type { PostsTables } from './tables.ts';
import { type PostsDatabase, postsDatabase } from './testing/posts-database.ts';

/**
 * How PostgreSQL runs the statements that are sent most, with tables as full as they get: never by reading a whole one. What is
 * explained is what the product itself sends.
 */
const POSTS = 15_000;
let fixture: PostsDatabase;
let post: { id: string; author: string; number: string };

beforeAll(async () => {
  fixture = await postsDatabase();
  const { database } = fixture;
  const { query } = database;
  await seedPosts({ database, clock: systemClock }, { count: POSTS, onProgress: () => {} });
  // As a million posts have them: names, numbers, what is written once.
  await sql`insert into words (word) select md5(n::text) from generate_series(1, ${POSTS}::int) as n`.execute(query);
  await sql`update words set used_on = current_date - 40 where word in (select word from words limit 20)`.execute(query);
  await sql`insert into authors (id, name) select gen_random_uuid(), n::text from generate_series(1, ${POSTS}::int) as n`.execute(query);
  await sql`update authors set name = null, deleted_at = now() - interval '40 days' where id in (select id from authors limit 20)`.execute(
    query,
  );
  await sql`update posts set hidden_at = now() where id in (select id from posts order by md5(id::text) limit 30)`.execute(query);
  await sql`vacuum analyze`.execute(query);
  const oldest = await query.selectFrom('posts').select(['id', 'author_id', 'title']).orderBy('id').limit(1).executeTakeFirstOrThrow();
  post = { id: oldest.id, author: oldest.author_id as string, number: oldest.title.split(' ').at(-1) as string };
}, 120_000);
afterAll(() => fixture[Symbol.asyncDispose]());

type Work = (db: Transaction<PostsTables>) => Promise<unknown>;

const search =
  (q: string, filter: PostFilter = {}, after?: string): Work =>
  (db) =>
    searchPosts(db, { q, ...filter }, { limit: 21, after });
const detachPosts =
  (onUserDeleted: 'delete' | 'anonymise'): Work =>
  (db) => {
    const writers = { outbox: () => ({ append: async () => {} }), jobs: () => ({ enqueue: async () => {} }) };
    const { detachPosts } = createUserEvents({ onUserDeleted, clock: systemClock, ...writers });
    return detachPosts.handle(db, { authorId: randomUUID() });
  };
const runCleanUp: Work = (db) => cleanUp.handle(db, {});

test.for<[string, () => Work, ...string[]]>([
  // All its statements are built at once, and so explained at once: of everybody and of an author, shown and hidden, the first page and the next.
  ['the list', () => (db) => createPostList(db)({}, { limit: 21, after: undefined }), 'posts_shown', 'posts_hidden', 'posts_of_author'],
  ['one post', () => (db) => createFindPost(db)(post.id), 'posts_pkey', 'authors_pkey'],
  ['a search for what is common', () => search('river'), 'posts_shown'],
  ['its page behind a post', () => search('river', {}, randomUUID()), 'posts_shown'],
  ['a search for what is rare', () => search(post.number), 'posts_shown', 'posts_search'],
  ['a search for what begins so', () => search(post.number.slice(0, 7)), 'posts_search'],
  ['a search for words that few have together', () => search('stationharbour valleymeadow'), 'posts_search'],
  ['a search among the posts of an author', () => search(post.number, { author: post.author }), 'posts_of_author'],
  ['a search among what is hidden', () => search('river', { hidden: true }), 'posts_hidden'],
  ['a search for what is misspelt', () => search('stationharbuor'), 'words_spellings', 'posts_search'],
  ['a search for what nobody has', () => search('xyzzyplugh'), 'words_spellings', 'posts_search'],
  ['deleting the posts of a deleted user', () => detachPosts('delete'), 'posts_of_author', 'posts_pkey'],
  ['taking a name from posts', () => detachPosts('anonymise'), 'posts_of_author', 'posts_pkey'],
  ['removing expired data', () => runCleanUp, 'authors_gone', 'posts_of_author', 'words_age', 'posts_search'],
])('%s is served by an index', async ([, workOf, ...indexes]) => {
  const nodes = await plansOf(fixture.database.query, workOf());
  expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
  for (const index of indexes) expect(nodes.map((node) => node['Index Name'] ?? '')).toContainEqual(expect.stringContaining(index));
});
