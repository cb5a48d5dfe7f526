import { type Kysely, sql } from 'kysely';

/**
 * Gives a database a clock that can be set back, as far as our own statements ask for it: for connections that are opened from now on.
 * @returns a function that has it run behind by so much, like `1 hour`.
 */
export async function installClock<Schema>(query: Kysely<Schema>): Promise<(behind: string) => Promise<void>> {
  await sql`create schema later`.execute(query);
  await sql`create table later.clock (behind interval not null)`.execute(query);
  await sql`insert into later.clock values ('0 s')`.execute(query);
  for (const name of ['now', 'clock_timestamp']) {
    await sql`
      create function later.${sql.raw(name)}() returns timestamptz language sql stable
      as 'select pg_catalog.${sql.raw(name)}() - behind from later.clock'`.execute(query);
  }
  await sql`do $$ begin execute format('alter database %I set search_path = later, pg_catalog, public', current_database()); end $$`.execute(
    query,
  );
  return async (behind) => void (await sql`update later.clock set behind = ${behind}::interval`.execute(query));
}
