import { randomBytes } from 'node:crypto';
import type { Database } from '@stoa/postgres';
import type { Clock, Seeding } from '@stoa/service';
import { sql } from 'kysely';
import { SEARCH_VERSION } from './index-again.ts';
import type { PostsTables } from './tables.ts';

const FREQUENT = 'the of and to in is it that for on with as was at by an be this from have'.split(' ');
// biome-ignore format: a line of words
const THINGS =
  'river garden stone light paper winter summer silver copper harbour market letter engine window bridge forest mountain island lantern compass needle thread kettle basket hammer anvil orchard meadow valley station'.split(' ');
/** The earlier a word stands the more often it is used; the later ones are two in one. */
const WORDS = [...FREQUENT, ...THINGS, ...THINGS.flatMap((first) => THINGS.flatMap((second) => [first + second, `re${first}${second}`]))];
const NAMES = 'Ada Alan Barbara Donald Edsger Frances Grace Hedy Joan Jürgen Katherine Léon Margaret Niklaus Radia Sophie Zoë'.split(' ');
const POSTS_OF_AUTHOR = 100;
const YEAR_MS = 365 * 86_400_000;
const BATCH = 20_000;

/**
 * Adds posts of made-up authors, written evenly over the last year: 20 to 60 words each, of which few are in most posts and most in few; the
 * number in a title is in no other. No event is published for them.
 */
export async function seedPosts(deps: { readonly database: Database<PostsTables>; readonly clock: Clock }, { count, onProgress }: Seeding) {
  const { query, transaction } = deps.database;
  const run = randomBytes(3).toString('hex');
  const begin = deps.clock.now().getTime() - YEAR_MS;
  const authors = Math.ceil(count / POSTS_OF_AUTHOR);
  /** A UUIDv7 by the number `n`, and by the time that `hex` holds. */
  const idOf = (kind: string, n: unknown, hex: unknown) => sql`
    overlay(overlay(${hex} || substr(md5(${kind + run} || ${n}), 1, 20) placing '7' from 13) placing '8' from 17)::uuid`;
  const authorId = (n: unknown) => idOf('author', n, sql`substr(md5(${run}), 1, 12)`);
  const n = sql.ref('n');
  await sql`
    insert into authors (id, name, version) select ${authorId(n)}, (${NAMES}::text[])[1 + n % ${NAMES.length}] || ' ' || n, 1
    from generate_series(0, ${authors - 1}::int) as n`.execute(query);
  await sql`
    insert into words (word) select word from unnest(${WORDS.filter(({ length }) => length >= 4)}::text[]) as word order by word
    on conflict do nothing`.execute(query);
  for (let from = 0; from < count; from += BATCH) {
    const to = Math.min(from + BATCH, count);
    await transaction((tx) =>
      sql`
        insert into posts (id, author_id, title, text, search, search_version, created_at, updated_at)
        select ${idOf('post', n, sql`lpad(to_hex(ms), 12, '0')`)}, ${authorId(sql`(n % ${authors})`)}, title, text,
          array_to_tsvector(string_to_array(lower(title || ' ' || text), ' ')), ${SEARCH_VERSION}::smallint, to_timestamp(ms / 1000.0), to_timestamp(ms / 1000.0)
        from (
          select n, ${begin}::bigint + n * ${YEAR_MS}::bigint / ${count} as ms, 'Notes ' || ${run} || n as title,
            (select string_agg((${WORDS}::text[])[1 + floor(power(random(), 4) * ${WORDS.length})::int], ' ') from generate_series(1, 20 + n % 40)) as text
          from generate_series(${from}::int, ${to - 1}::int) as n
        ) as written`.execute(tx),
    );
    onProgress(to);
  }
  // What the planner knows of the words decides how a search is made.
  await sql`vacuum analyze posts`.execute(query);
  await sql`vacuum analyze words`.execute(query);
  return `The number in a title is in no other: q=${run}${count - 1} finds one.`;
}
