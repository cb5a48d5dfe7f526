import { randomBytes } from 'node:crypto';
import type { Database } from '@stoa/postgres';
import type { Clock, Seeding } from '@stoa/service';
import { sql } from 'kysely';
import type { PostsTables } from './tables.ts';

const FIRST_NAMES = 'Ada Alan Barbara Donald Edsger Frances Grace Hedy Joan Jürgen Katherine Léon Margaret Niklaus Radia Sophie Zoë'.split(
  ' ',
);
const LAST_NAMES =
  'Backus Clarke Dijkstra Goldberg Hamilton Hopper Johnson Knuth Lamarr Liskov Lovelace Müller Perlman Ritchie Turing Wirth'.split(' ');
const SYLLABLES =
  'river garden stone light paper winter summer silver copper harbour market letter engine window bridge forest mountain island lantern compass needle thread kettle basket hammer anvil orchard meadow valley station'.split(
    ' ',
  );
/** The more often a word is used the earlier it stands; the later ones are two in one. */
const WORDS = [
  ...'the of and to in is it that for on with as was at by an be this from have'.split(' '),
  ...SYLLABLES,
  ...SYLLABLES.flatMap((first) => SYLLABLES.flatMap((second) => [`${first}${second}`, `${first}${second}s`, `re${first}${second}`])),
];
const POSTS_OF_AUTHOR = 100;
const YEAR_MS = 365 * 86_400_000;
const BATCH = 20_000;

/**
 * Adds posts of made-up authors, written evenly over the last year: of 20 to 60 words, of which few are in most and most in few; the number in
 * a title is in no other. No event tells of them.
 */
export async function seedPosts(
  { database: { query, transaction }, clock }: { readonly database: Database<PostsTables>; readonly clock: Clock },
  { count, onProgress }: Seeding,
): Promise<string> {
  const run = randomBytes(3).toString('hex');
  const begin = clock.now().getTime() - YEAR_MS;
  const authors = Math.ceil(count / POSTS_OF_AUTHOR);
  const idOf = (name: string, hex: ReturnType<typeof sql>) =>
    sql`(substr(${hex}, 1, 8) || '-' || substr(${hex}, 9, 4) || '-7' || substr(md5(${name} || n), 1, 3) || '-8' || substr(md5(${name} || n), 4, 3) || '-' || substr(md5(${name} || n), 7, 12))::uuid`;
  const authorId = idOf(`author ${run}`, sql`md5(${run})`);
  await sql`
    insert into authors (id, name, version)
    select ${authorId}, (${FIRST_NAMES}::text[])[1 + n % ${FIRST_NAMES.length}] || ' ' || (${LAST_NAMES}::text[])[1 + (n / ${FIRST_NAMES.length}) % ${LAST_NAMES.length}], 1
    from generate_series(0, ${authors - 1}::int) as n`.execute(query);
  await sql`insert into words (word) select word from unnest(${WORDS.filter(({ length }) => length >= 4)}::text[]) as word order by word on conflict do nothing`.execute(
    query,
  );
  for (let from = 0; from < count; from += BATCH) {
    const to = Math.min(from + BATCH, count);
    await transaction((tx) =>
      sql`
        insert into posts (id, author_id, title, text, search, created_at, updated_at)
        select ${idOf(`post ${run}`, sql`hex`)}, (select ${authorId} from (select posts.n % ${authors} as n) as author), title, text,
          array_to_tsvector(string_to_array(lower(title || ' ' || text), ' ')), at, at
        from (
          select n, lpad(to_hex(ms), 12, '0') as hex, to_timestamp(ms / 1000.0) as at, 'Notes ' || ${run} || n as title,
            (select string_agg((${WORDS}::text[])[1 + floor(power(random(), 4) * ${WORDS.length})::int], ' ')
             from generate_series(1, 20 + n % 40)) as text
          from (select n, (${begin}::bigint + n * ${YEAR_MS}::bigint / ${count}) as ms from generate_series(${from}::int, ${to - 1}::int) as n) as times
        ) as posts`.execute(tx),
    );
    onProgress(to);
  }
  // What the planner knows of the words decides how a search is made.
  await sql`vacuum analyze posts`.execute(query);
  await sql`vacuum analyze words`.execute(query);
  return `The number in a title is in no other: q=${run}${count - 1} finds one.`;
}
