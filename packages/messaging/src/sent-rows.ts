import type { Database } from '@stoa/postgres';
import type { Logger } from '@stoa/service';
import { type Kysely, sql } from 'kysely';
import { sentColumns } from './outbox-rows.ts';

/** Rows of one statement: short enough that nobody waits for it. */
const BATCH = 1_000;
/** So many days have a partition before they begin: several days in which none could be made do no harm. */
const DAYS_AHEAD = 3;
/** A change of the partitions gives up after this, so that those who wait behind it go on: a dump may hold the table for hours. */
const LOCK_TIMEOUT = '100ms';

/**
 * The housekeeping of what was sent: makes the partitions of the next days, drops those past their time, and takes out of the outbox what an
 * older copy marked as sent. Any number of copies may do this at once.
 * @returns whether there may be more.
 */
export async function keepSent<Schema>(database: Database<Schema>, hours: number, log: Logger): Promise<boolean> {
  await changePartitions(
    database,
    log,
    await missingDays(database.query),
    (day) => sql`
    create table if not exists ${sql.table(`outbox_sent_${day.replaceAll('-', '_')}`)} partition of outbox_sent
    for values from (${sql.lit(`${day} 00:00+00`)}) to (${sql.lit(`${dayAfter(day)} 00:00+00`)})`,
  );
  await changePartitions(
    database,
    log,
    await pastPartitions(database.query, hours),
    (table) => sql`drop table if exists ${sql.table(table)}`,
  );
  const { numAffectedRows = 0n } = await sql`
    delete from outbox_sent_default where ctid = any(array(
      select ctid from outbox_sent_default where sent_at < now() - ${hours} * interval '1 h' limit ${BATCH}))`.execute(database.query);
  return (await sweep(database.query, hours)) === BATCH || Number(numAffectedRows) === BATCH;
}

async function missingDays<Schema>(db: Kysely<Schema>): Promise<string[]> {
  const { rows } = await sql<{ day: string }>`
    select day::text from (
      select (now() at time zone 'UTC')::date + n as day from generate_series(0, ${DAYS_AHEAD}) as n) as days
    where to_regclass('outbox_sent_' || to_char(day, 'YYYY_MM_DD')) is null order by day`.execute(db);
  return rows.map(({ day }) => day);
}

async function pastPartitions<Schema>(db: Kysely<Schema>, hours: number): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_inherits join pg_class on oid = inhrelid
    where inhparent = 'outbox_sent'::regclass and relname ~ '^outbox_sent_\\d{4}_\\d\\d_\\d\\d$'
      and (to_date(right(relname, 10), 'YYYY_MM_DD') + 1)::timestamp at time zone 'UTC' < now() - ${hours} * interval '1 h'`.execute(db);
  return rows.map(({ name }) => name);
}

/** One by one, as each may have to wait for who reads the table. What fails is tried again with the next housekeeping. */
async function changePartitions<Schema>(
  database: Database<Schema>,
  log: Logger,
  names: readonly string[],
  change: (name: string) => ReturnType<typeof sql>,
): Promise<void> {
  for (const name of names) {
    try {
      await database.transaction(async (tx) => {
        await sql`select set_config('lock_timeout', ${LOCK_TIMEOUT}, true)`.execute(tx);
        await change(name).execute(tx);
      });
    } catch (error) {
      // Another copy was faster, or the default partition has rows of that day, which then go there.
      log.debug({ err: error, name }, 'partition of the outbox not changed, will try again');
    }
  }
}

/** @returns how many rows it took out. */
async function sweep<Schema>(db: Kysely<Schema>, hours: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    with gone as (
      delete from outbox where id = any(array(
        select id from outbox where sent_at is not null order by sent_at limit ${BATCH} for update skip locked))
      returning ${sentColumns}, sent_at
    ), taken as (
      delete from outbox_waiting where outbox_id in (select id from gone)
    ), kept as (
      insert into outbox_sent (${sentColumns}, sent_at)
      select ${sentColumns}, sent_at from gone where sent_at >= now() - ${hours} * interval '1 h'
    )
    select count(*)::int as count from gone`.execute(db);
  return rows[0]?.count ?? 0;
}

const dayAfter = (day: string): string => new Date(Date.parse(day) + 24 * 60 * 60 * 1_000).toISOString().slice(0, 10);
