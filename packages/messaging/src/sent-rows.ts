import { type Database, keepDailyPartitions } from '@stoa/postgres';
import type { Logger } from '@stoa/service';
import { type Kysely, sql } from 'kysely';
import { sentColumns } from './outbox-rows.ts';

/** Rows of one statement: short enough that nobody waits for it. */
const BATCH = 1_000;

/**
 * The housekeeping of what was sent: keeps the partitions, and takes out of the outbox what an older copy marked as sent. Any number of copies
 * may do this at once.
 * @returns whether there may be more.
 */
export async function keepSent<Schema>(database: Database<Schema>, hours: number, log: Logger): Promise<boolean> {
  const isMore = await keepDailyPartitions(database, { table: 'outbox_sent', column: 'sent_at', hours }, log);
  return (await sweep(database.query, hours)) === BATCH || isMore;
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
