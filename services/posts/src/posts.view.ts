import type { PageRequest } from '@stoa/http';
import { PLANNED_FOR_ITS_VALUES, prepare } from '@stoa/postgres';
import { alike, exactly, speltAlike, termsOf } from '@stoa/search';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { PostsTables } from './tables.ts';

/** A post as readers see it, and who wrote it as far as is known. */
export interface Post {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly authorId: string | null;
  readonly authorName: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly hiddenAt: Date | null;
}

export interface FoundPost extends Post {
  readonly version: number;
}

/** Whether the words were found as they are written, or those that are spelt alike. */
export type Match = 'exact' | 'alike';

export interface PostFilter {
  readonly author?: string | undefined;
  /** Those that are hidden, instead of those that are shown. */
  readonly hidden?: true | undefined;
}

const COLUMNS = [
  'posts.id',
  'posts.title',
  'posts.text',
  'posts.author_id as authorId',
  'posts.created_at as createdAt',
  'posts.updated_at as updatedAt',
  'posts.hidden_at as hiddenAt',
] as const;

/** Not joined: how the planner would join depends on the length of the page, which a prepared statement does not know. */
const AUTHOR_NAME = sql<string | null>`(select name from authors where authors.id = posts.author_id)`.as('authorName');

/** Stands where an id does while a statement is built. */
const ANY_ID = '00000000-0000-0000-0000-000000000000';

/** Newest first, which is the order of the ids. */
export function createPostList(db: Kysely<PostsTables>) {
  const newest = db
    .selectFrom('posts')
    .select([...COLUMNS, AUTHOR_NAME])
    .orderBy('id', 'desc')
    .limit(1);
  const variants = [newest.where('hidden_at', 'is', null), newest.where('hidden_at', 'is not', null)].map((posts) => ({
    first: prepare(db, posts),
    next: prepare(db, posts.where('id', '<', ANY_ID)),
    firstOf: prepare(db, posts.where('author_id', '=', ANY_ID)),
    nextOf: prepare(db, posts.where('author_id', '=', ANY_ID).where('id', '<', ANY_ID)),
  }));
  return ({ author, hidden }: PostFilter, { limit, after }: PageRequest): Promise<readonly Post[]> => {
    const { first, next, firstOf, nextOf } = variants[hidden ? 1 : 0] as (typeof variants)[number];
    if (author === undefined) return after === undefined ? first(limit) : next(after, limit);
    return after === undefined ? firstOf(author, limit) : nextOf(author, after, limit);
  };
}

/** One post with the versions that its tag is made of, hidden or not. */
export const postQuery = (db: Kysely<PostsTables>, id: string) =>
  db
    .selectFrom('posts')
    .leftJoin('authors', 'authors.id', 'posts.author_id')
    .select([...COLUMNS, 'authors.name as authorName', 'posts.version'])
    .where('posts.id', '=', id);

export function createFindPost(db: Kysely<PostsTables>): (id: string) => Promise<FoundPost | undefined> {
  const find = prepare(db, postQuery(db, ANY_ID));
  return async (id) => (await find(id))[0];
}

/**
 * The newest posts are searched first, as the planner knows neither how rare a rare word is, nor which words occur together. Where
 * too few of them match to fill a page from the next window, the word is so rare that the index gives all of them.
 */
const WINDOWS = [2_000, 30_000] as const;
const GROWTH = WINDOWS[1] / WINDOWS[0];

/**
 * Searches all words of `q`, the last one also as a beginning. When nothing has them on the first page, words that are spelt alike.
 * @param match what the page before was found by.
 */
export async function searchPosts(
  db: Kysely<PostsTables>,
  { q, ...filter }: PostFilter & { readonly q: string },
  place: PageRequest,
  match?: Match,
): Promise<{ readonly posts: readonly Post[]; readonly match: Match }> {
  const terms = termsOf(q);
  if (terms.length === 0) return { posts: [], match: 'exact' };
  const find = (query: string) => findMatching(db, query, filter, place);
  if (match !== 'alike') {
    const posts = await find(exactly(terms));
    if (posts.length > 0 || match === 'exact') return { posts, match: 'exact' };
  }
  const spelt = await speltAlike(db, terms);
  const isAnyFound = spelt.some(({ words }) => words.length > 0);
  return { posts: isAnyFound ? await find(alike(spelt)) : [], match: 'alike' };
}

/** @param query a tsquery. */
async function findMatching(db: Kysely<PostsTables>, query: string, { author, hidden }: PostFilter, { limit, after }: PageRequest) {
  const wanted = [hidden ? sql`hidden_at is not null` : sql`hidden_at is null`];
  if (author !== undefined) wanted.push(sql`author_id = ${author}`);
  if (after !== undefined) wanted.push(sql`id < ${after}`);
  const among = sql.join(wanted, sql` and `);
  const matches = sql`search @@ ${query}::tsquery`;
  for (const newest of WINDOWS) {
    const posts = await select(db, sql`(select * from posts where ${among} order by id desc limit ${newest}) as posts`, matches, limit);
    if (posts.length === limit) return posts;
    if (posts.length * GROWTH < limit) break;
  }
  // `offset 0` keeps the planner from walking through all posts in their order until the page is full.
  return await select(db, sql`(select * from posts where ${among} and ${matches} offset 0) as posts`, sql`true`, limit);
}

async function select(db: Kysely<PostsTables>, from: RawBuilder<unknown>, where: RawBuilder<unknown>, limit: number) {
  const { rows } = await sql<Post>`
    ${PLANNED_FOR_ITS_VALUES} select id, title, text, author_id as "authorId", created_at as "createdAt", updated_at as "updatedAt",
      hidden_at as "hiddenAt", (select name from authors where authors.id = posts.author_id) as "authorName"
    from ${from} where ${where} order by id desc limit ${limit}`.execute(db);
  return rows;
}
