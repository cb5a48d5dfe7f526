import { job } from '@stoa/messaging';
import { sql, type Transaction } from 'kysely';
import { Type } from 'typebox';
import { authors } from './authors.ts';
import type { PostsTables } from './tables.ts';

/** Longer than a late profile counts: see on-user-events.ts. */
const KEPT_DAYS = 30;
const BATCH = 1_000;
/** Each is looked for in the index of all posts. */
const WORDS = 100;

/** The job that removes what nobody needs any more, each minute, a batch at a time until nothing is left. */
export const cleanUp = job({
  name: 'remove-expired-data',
  formerNames: ['forget-what-is-over'],
  data: Type.Object({}, { additionalProperties: false }),
  async handle(tx: Transaction<PostsTables>) {
    const forgotten = await authors.forget(tx, { days: KEPT_DAYS, limit: BATCH, usedBy: { table: 'posts', column: 'author_id' } });
    const isMore = [forgotten === BATCH, (await forgetWords(tx)) === WORDS];
    return isMore.includes(true) ? 'more' : undefined;
  },
});

/**
 * A word of posts that are all deleted is of no use, and may be personal data. A transaction that writes it at this moment
 * holds its row, or makes it anew. Materialized, as the planner assumes that the first few posts have every word: it would read
 * all of them for one that none has.
 */
async function forgetWords(tx: Transaction<PostsTables>): Promise<number> {
  const { rows } = await sql<{ word: string; isUsed: boolean }>`
    select word, exists (
      with found as materialized (select from posts where search @@ ('''' || word || '''')::tsquery) select from found) as "isUsed"
    from words where used_on < current_date - ${KEPT_DAYS}::int order by used_on limit ${WORDS} for update skip locked`.execute(tx);
  const words = Map.groupBy(rows, ({ isUsed }) => isUsed);
  const used = (words.get(true) ?? []).map(({ word }) => word);
  const unused = (words.get(false) ?? []).map(({ word }) => word);
  await sql`update words set used_on = current_date where word = any(${used}::text[])`.execute(tx);
  await sql`delete from words where word = any(${unused}::text[])`.execute(tx);
  return rows.length;
}
