import type { Logger } from '@stoa/service';
import { type Kysely, sql } from 'kysely';
import type { Database } from './database.ts';

/** Rows of one statement: short enough that nobody waits for it. */
const BATCH = 1_000;
/** So many days have a partition before they begin: several days in which none could be made do no harm. */
const DAYS_AHEAD = 3;
/** A change of the partitions gives up after this, so that sessions that wait behind it go on: a dump may hold the table for hours. */
const LOCK_TIMEOUT = '100ms';

/** A table that is partitioned by day, UTC: `<table>_YYYY_MM_DD`, and `<table>_default` for rows of a day without a partition. */
export interface DailyPartitions {
  readonly table: string;
  /** The `timestamptz` that it is partitioned by. */
  readonly column: string;
  /** How long rows are kept, at least: whole days go. */
  readonly hours: number;
}

/**
 * The housekeeping of such a table: makes the partitions of the next days and drops those past their time. Any number of copies may do this at
 * once; what fails is tried again with the next housekeeping. @returns whether there may be more to do.
 */
export async function keepDailyPartitions<Schema>(database: Database<Schema>, partitions: DailyPartitions, log: Logger): Promise<boolean> {
  const { table, column, hours } = partitions;
  await changeEach(
    database,
    log,
    await missingDays(database.query, partitions),
    (day) => sql`
    create table if not exists ${sql.table(`${table}_${day.replaceAll('-', '_')}`)} partition of ${sql.table(table)}
    for values from (${sql.lit(`${day} 00:00+00`)}) to (${sql.lit(`${dayAfter(day)} 00:00+00`)})`,
  );
  const past = await pastPartitions(database.query, partitions);
  await changeEach(database, log, past, (name) => sql`drop table if exists ${sql.table(name)}`);
  const { numAffectedRows = 0n } = await sql`
    delete from ${sql.table(`${table}_default`)} where ctid = any(array(
      select ctid from ${sql.table(`${table}_default`)} where ${sql.ref(column)} < now() - ${hours} * interval '1 h'
      limit ${BATCH}))`.execute(database.query);
  return Number(numAffectedRows) === BATCH;
}

async function missingDays<Schema>(db: Kysely<Schema>, { table }: DailyPartitions): Promise<string[]> {
  const { rows } = await sql<{ day: string }>`
    select day::text from (
      select (now() at time zone 'UTC')::date + n as day from generate_series(0, ${DAYS_AHEAD}) as n) as days
    where to_regclass(${`${table}_`} || to_char(day, 'YYYY_MM_DD')) is null order by day`.execute(db);
  return rows.map(({ day }) => day);
}

async function pastPartitions<Schema>(db: Kysely<Schema>, { table, hours }: DailyPartitions): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_inherits join pg_class on oid = inhrelid
    where inhparent = ${table}::regclass and relname ~ '_\\d{4}_\\d\\d_\\d\\d$'
      and (to_date(right(relname, 10), 'YYYY_MM_DD') + 1)::timestamp at time zone 'UTC' < now() - ${hours} * interval '1 h'
    order by relname`.execute(db);
  return rows.map(({ name }) => name);
}

/** One by one, as each may have to wait for readers of the table. */
async function changeEach<Schema>(
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
      log.debug({ err: error, name }, 'partition not changed, will try again');
    }
  }
}

const dayAfter = (day: string): string => new Date(Date.parse(day) + 24 * 60 * 60 * 1_000).toISOString().slice(0, 10);
