import { randomBytes } from 'node:crypto';
import type { Database } from '@stoa/postgres';
import { sql } from 'kysely';
import type { UsersTables } from './tables.ts';

const FIRST_NAMES =
  'Ada Alan Anna Barbara Bjarne Dennis Donald Edsger Elena Frances Grace Hedy Joan Jürgen Karen Katherine Ken Léon Linus Margaret Maria Niklaus Otto Radia Sophie Tim Zoë'.split(
    ' ',
  );
const LAST_NAMES =
  'Allen Backus Becker Bell Berners-Lee Clarke Dijkstra Fischer Goldberg Hamilton Hoffmann Hopper Jensen Johnson Kernighan Klein Knuth Koch Lamarr Liskov Lovelace Meyer Müller Perlman Ritchie Schneider Stroustrup Thompson Torvalds Turing Weber Wirth Zimmermann'.split(
    ' ',
  );
/** Reserved by RFC 2606: a mail to one of them reaches nobody. */
const DOMAINS = ['example.com', 'example.net', 'example.org', 'mail.example', 'firm.example'];
const YEAR_MS = 365 * 86_400_000;
const BATCH = 20_000;

export interface SeedOptions {
  readonly count: number;
  /** The same for all: a hash each would take days. */
  readonly passwordHash: string;
  readonly now: Date;
  onProgress(done: number): void;
}

/**
 * Adds active accounts for trying out how the system is with many: made in the database, registered evenly over the last year; every
 * third has a login, every fourth a phone number. No event is published for them. Can be repeated: it adds others.
 * @returns an e-mail address of one of them.
 */
export async function seedUsers(
  { query, transaction }: Database<UsersTables>,
  { count, passwordHash, now, onProgress }: SeedOptions,
): Promise<string> {
  const run = randomBytes(3).toString('hex');
  const begin = now.getTime() - YEAR_MS;
  for (let from = 0; from < count; from += BATCH) {
    const to = Math.min(from + BATCH, count);
    await transaction((tx) =>
      sql`
        insert into users (id, email, login, phone, full_name, password_hash, status, roles, code_requested_at, version, created_at, updated_at)
        select (substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-7' || substr(random, 1, 3) || '-8' || substr(random, 4, 3) || '-' || substr(random, 7, 12))::uuid,
          lower(translate(first, 'éëü', 'eeu') || '.' || translate(last, 'ü', 'u')) || '.' || ${run} || n || '@' || (${DOMAINS}::text[])[1 + n % ${DOMAINS.length}],
          case when n % 3 = 0 then 'u' || ${run} || n end,
          -- Numbers that exist, of a run's own block.
          case when n % 4 = 0 then '+4930' || ${String(Number.parseInt(run.slice(0, 2), 16)).padStart(3, '2')} || lpad((n % 100000)::text, 5, '0') || (n / 100000) end,
          first || ' ' || last, ${passwordHash}, 'active', array['user'], at, 1, at, at
        from (
          select n, lpad(to_hex(ms), 12, '0') as hex, md5(${run} || n) as random, to_timestamp(ms / 1000.0) as at,
            (${FIRST_NAMES}::text[])[1 + n % ${FIRST_NAMES.length}] as first,
            (${LAST_NAMES}::text[])[1 + (n / ${FIRST_NAMES.length}) % ${LAST_NAMES.length}] as last
          from (select n, (${begin}::bigint + n * ${YEAR_MS}::bigint / ${count}) as ms from generate_series(${from}::int, ${to - 1}::int) as n) as times
        ) as people
        on conflict do nothing`.execute(tx),
    );
    onProgress(to);
  }
  // What the planner knows decides which index serves a search, and new rows wait beside the index of trigrams until this.
  await sql`vacuum analyze users`.execute(query);
  const newest = await query.selectFrom('users').select('email').where('email', 'like', `%.${run}%`).limit(1).executeTakeFirstOrThrow();
  return newest.email;
}
