import type { Database } from '@stoa/postgres';
import { createContext, uuidv7 } from '@stoa/service';
import { type Kysely, sql } from 'kysely';
import { INBOX_CHANNEL } from './inbox.ts';
import { jobConsumer } from './job-consumer.ts';
import type { Cron } from './types.ts';

/** The key of a run that a cron enqueued. */
export const CRON_KEY = 'cron';

/** Writes down what is to run; a shortened interval counts from now on. @param formerNames of jobs: what ran under them runs no more. */
export async function declareCrons<Schema>(db: Kysely<Schema>, crons: readonly Cron[], formerNames: readonly string[]): Promise<void> {
  await sql`delete from cron where job = any(${formerNames}::text[])`.execute(db);
  for (const { job, everySeconds } of crons) {
    await sql`
      insert into cron (job, every_seconds, declared_at) values (${job}, ${everySeconds}, clock_timestamp())
      on conflict (job) do update set every_seconds = excluded.every_seconds, declared_at = excluded.declared_at,
        next_at = case when cron.every_seconds = excluded.every_seconds then cron.next_at
          else least(cron.next_at, now() + excluded.every_seconds * interval '1 s') end`.execute(db);
  }
}

/**
 * Says again that these are declared, and removes what no copy has declared for a day: kept so long, a cron that comes back with the former
 * version keeps its time. Of what an earlier version wrote down the day begins now.
 */
export async function keepCrons<Schema>(db: Kysely<Schema>, crons: readonly Pick<Cron, 'job'>[]): Promise<void> {
  const jobs = crons.map(({ job }) => job);
  // Rows that another process has locked are not waited for, so that no two wait for each other: the next time will do.
  await sql`
    update cron set declared_at = clock_timestamp() where job in (
      select job from cron where job = any(${jobs}::text[]) or declared_at is null for update skip locked)`.execute(db);
  await sql`delete from cron where declared_at < clock_timestamp() - interval '1 day'`.execute(db);
}

/**
 * What is declared by a live copy, or where none is, by the last that was: these say so each minute, by `keepCrons`. Everything else was not
 * said for some minutes before the last sign of life of the service.
 */
const isDeclared = sql`(declared_at is null or declared_at > greatest(
  (select max(declared_at) from cron), (select max(seen_at) from inbox_copies)) - interval '3 minutes')`;

export interface ScheduledJob {
  readonly job: string;
  readonly everySeconds: number;
  readonly nextAt: Date;
}

/**
 * What runs by itself in a service, the next one first; not what was removed and is still written down. `Db` may be any database that has the
 * messaging tables.
 */
export async function listScheduledJobs<Schema>(db: Kysely<Schema>): Promise<readonly ScheduledJob[]> {
  const { rows } = await sql<ScheduledJob>`
    select job, every_seconds as "everySeconds", next_at as "nextAt" from cron where ${isDeclared} order by next_at, job`.execute(db);
  return rows;
}

/**
 * What "run now" did. `enqueued`: a run comes within seconds, and the interval counts from then. `pulled-forward`: a run that waited for
 * its next try is tried at once. `under-way`: a run is being done or about to be, and this changed nothing.
 */
export type RunNow = 'enqueued' | 'pulled-forward' | 'under-way';

/** Has a job run at once, by a process that works for the service. @returns undefined when there is no such job. */
export async function runScheduledJob<Schema>(database: Database<Schema>, job: string): Promise<RunNow | undefined> {
  const consumer = jobConsumer(job);
  const { rows } = await sql<{ done: RunNow }>`
    with known as (
      select job from cron where job = ${job} and ${isDeclared}
    ), run as (
      select id from inbox, known where consumer = ${consumer} and key = ${CRON_KEY} and status = 'pending'
    ), pulled as (
      update inbox set run_at = clock_timestamp() where id in (
        select id from inbox where id in (select id from run) and run_at > now() and status = 'pending' for update skip locked)
      returning id
    ), enqueued as (
      update cron set next_at = least(next_at, now()) where job in (select job from known) and not exists (select from run)
    )
    select case when exists (select from pulled) then 'pulled-forward' when exists (select from run) then 'under-way' else 'enqueued' end as done
    from known`.execute(database.query);
  database.notify(INBOX_CHANNEL, consumer);
  return rows[0]?.done;
}

/** Further ahead than the interval it is only after the clock of the database was set back. */
const isDue = sql`(next_at <= now() or next_at > now() + every_seconds * interval '1 s')`;

/** A job that a cron enqueues, and the version that its runs have. */
export interface CronJob {
  readonly job: string;
  readonly version: number;
}

/**
 * Enqueues what is due and moves its time on, in one statement: the row's lock lets one process do it. However long nobody was there,
 * a job is enqueued once; and not at all while its last run is still to be done. Its trace begins with its run.
 * @returns milliseconds until the next one is due.
 */
export async function runCrons<Schema>(database: Database<Schema>, service: string, crons: readonly CronJob[]): Promise<number> {
  const db = database.query;
  const { correlationId } = createContext();
  const jobs = crons.map(({ job }) => job);
  const enqueued = await sql<{ consumer: string }>`
    with due as (
      update cron set next_at = next_at
        + every_seconds * (floor(extract(epoch from now() - next_at) / every_seconds)::integer + 1) * interval '1 s'
      where job = any(${jobs}::text[]) and ${isDue}
      returning job
    )
    insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data, registered)
    select consumer, id, due.job, version, ${service}, ${CRON_KEY}, now(), ${correlationId}, '', '{}', true
    from due join unnest(
      ${jobs}::text[], ${crons.map(({ version }) => version)}::integer[], ${jobs.map(jobConsumer)}::text[],
      ${jobs.map(() => uuidv7())}::uuid[]
    ) as declared (job, version, consumer, id) on declared.job = due.job
    where not exists (select from inbox last where last.consumer = declared.consumer and last.key = ${CRON_KEY} and last.status = 'pending')
    returning consumer`.execute(db);
  for (const { consumer } of enqueued.rows) database.notify(INBOX_CHANNEL, consumer);
  const { rows } = await sql<{ ms: number | null }>`
    select extract(epoch from min(next_at) - now())::float8 * 1000 as ms from cron where job = any(${jobs}::text[])`.execute(db);
  return Math.max(1, rows[0]?.ms ?? 0);
}
