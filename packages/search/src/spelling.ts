import { type Kysely, sql, type Transaction } from 'kysely';
import type { SpeltTerm } from './queries.ts';

/** Shorter words have too many others that are spelt alike, longer ones are no words. In code points. */
const LEARNT = { atLeast: 4, atMost: 32 };
const MOST_ALIKE = 8;

/**
 * Remembers the words of a text in the table `words`, for searches that are misspelt. Most are there already and are only read, so that nothing
 * waits for a word that every text has; the others go in one order, so that no two transactions wait for each other.
 */
export async function learnWords<Tables>(tx: Transaction<Tables>, words: readonly string[]): Promise<void> {
  const learnable = words.filter((word) => word.length >= LEARNT.atLeast && word.length <= LEARNT.atMost && /\p{L}/u.test(word));
  await sql`
    insert into words (word) select word from unnest(${learnable}::text[]) as new (word)
    where not exists (select from words where words.word = new.word and words.used_on = current_date) order by word
    on conflict (word) do update set used_on = current_date where words.used_on < current_date`.execute(tx);
}

/**
 * For each term the known words that differ from it by one letter more, less or other, or by two that are exchanged; the most similar lengths
 * first.
 */
export async function speltAlike<Tables>(db: Kysely<Tables>, terms: readonly string[]): Promise<readonly SpeltTerm[]> {
  const { rows } = await sql<SpeltTerm>`
    select term, array(
      select word from words where char_length(term) >= ${LEARNT.atLeast} and spellings && spellings(term)
      order by abs(char_length(word) - char_length(term)), word limit ${MOST_ALIKE}) as words
    from unnest(${terms}::text[]) with ordinality as terms (term, place) order by place`.execute(db);
  return rows;
}
