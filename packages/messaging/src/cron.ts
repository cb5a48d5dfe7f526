import { createContext, uuidv7 } from '@stoa/service';
import { type Kysely, sql } from 'kysely';
import { jobConsumer } from './jobs.ts';
import type { Cron } from './types.ts';

/** Writes down what is to run; a shortened interval counts from now on. */
export async function declareCrons<Schema>(db: Kysely<Schema>, crons: readonly Cron[]): Promise<void> {
  for (const { job, everySeconds } of crons) {
    await sql`
      insert into cron (job, every_seconds) values (${job}, ${everySeconds})
      on conflict (job) do update set every_seconds = excluded.every_seconds,
        next_at = least(cron.next_at, now() + excluded.every_seconds * interval '1 s')
        where cron.every_seconds <> excluded.every_seconds`.execute(db);
  }
}

export interface ScheduledJob {
  readonly job: string;
  readonly everySeconds: number;
  readonly nextAt: Date;
}

/** What runs by itself in a service, the next one first. `Db` may be any database that has the messaging tables. */
export async function listScheduledJobs<Schema>(db: Kysely<Schema>): Promise<readonly ScheduledJob[]> {
  const { rows } = await sql<ScheduledJob>`
    select job, every_seconds as "everySeconds", next_at as "nextAt" from cron order by next_at, job`.execute(db);
  return rows;
}

/** Has a job run at once, by whichever process works for the service; its interval counts from then. @returns false when there is no such job. */
export async function runScheduledJob<Schema>(db: Kysely<Schema>, job: string): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`update cron set next_at = least(next_at, now()) where job = ${job}`.execute(db);
  return numAffectedRows > 0n;
}

/**
 * Enqueues what is due and moves its time on, in one statement: the row's lock lets one process do it. However long nobody was there,
 * a job is enqueued once; and not at all while its last run is still to be done. Its trace begins with its run.
 * @returns milliseconds until the next one is due.
 */
export async function runCrons<Schema>(db: Kysely<Schema>, service: string, crons: readonly Cron[]): Promise<number> {
  const { correlationId } = createContext();
  const jobs = crons.map(({ job }) => job);
  await sql`
    with due as (
      update cron set next_at = next_at
        + every_seconds * (floor(extract(epoch from now() - next_at) / every_seconds)::integer + 1) * interval '1 s'
      where job = any(${jobs}::text[]) and next_at <= now()
      returning job
    )
    insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data)
    select consumer, id, due.job, 1, ${service}, 'cron', now(), ${correlationId}, '', '{}'
    from due join unnest(${jobs}::text[], ${jobs.map(jobConsumer)}::text[], ${jobs.map(() => uuidv7())}::uuid[]) as declared (job, consumer, id) on declared.job = due.job
    where not exists (select from inbox last where last.consumer = declared.consumer and last.key = 'cron' and last.status = 'pending')`.execute(
    db,
  );
  const { rows } = await sql<{ ms: number | null }>`
    select extract(epoch from min(next_at) - now())::float8 * 1000 as ms from cron where job = any(${jobs}::text[])`.execute(db);
  return Math.max(1, rows[0]?.ms ?? 0);
}
