import { job } from '@stoa/messaging';
import { learnWords, wordsOf } from '@stoa/search';
import { sql, type Transaction } from 'kysely';
import { Type } from 'typebox';
import type { PostsTables } from './tables.ts';

/** Rises with every change of `wordsOf`, and with it the index `posts_search_outdated`: posts of a lower one are indexed again. */
export const SEARCH_VERSION = 2;
const BATCH = 100;

/** What a post is found by. */
export const searchOf = (words: readonly string[]) => sql<string>`array_to_tsvector(${words}::text[])`;

/** The job that makes the words of posts anew after a change of the folding, a batch at a time until all are of this version. */
export const indexAgain = job({
  name: 'index-posts-again',
  data: Type.Object({}, { additionalProperties: false }),
  async handle(tx: Transaction<PostsTables>) {
    // A literal, so that the planner sees that the partial index serves it. A post that is being written is of this version soon.
    const { rows } = await sql<{ id: string; title: string; text: string }>`
      select id, title, text from posts where search_version < ${sql.lit(SEARCH_VERSION)}
      order by id limit ${BATCH} for update skip locked`.execute(tx);
    const words = rows.map(({ title, text }) => wordsOf(`${title} ${text}`));
    for (const [index, { id }] of rows.entries()) {
      const change = { search: searchOf(words[index] as string[]), search_version: SEARCH_VERSION };
      await tx.updateTable('posts').set(change).where('id', '=', id).execute();
    }
    await learnWords(tx, [...new Set(words.flat())]);
    return rows.length === BATCH ? 'more' : undefined;
  },
});
