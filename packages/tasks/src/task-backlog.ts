import { type Kysely, sql } from 'kysely';

/** More are not counted: a query costs the same however many wait. */
const MOST_COUNTED = 10_000;

/** What waits of one kind. */
export interface Backlog {
  readonly kind: string;
  readonly queued: number;
  readonly dead: number;
  /** How late the most overdue one is that no pause holds up; 0 when none is. */
  readonly lateSeconds: number;
}

export interface Pause {
  readonly destination: string;
  readonly until: Date;
  readonly reason: string;
}

/** All kinds that have tasks, in whichever process they run. */
export async function readTaskBacklog<Schema>(db: Kysely<Schema>): Promise<readonly Backlog[]> {
  const { rows } = await sql<Backlog>`
    with recursive queues as (
      (select kind, version, destination from tasks where status = 'queued' order by kind, version, destination limit 1)
      union all
      select next.* from queues cross join lateral (
        select kind, version, destination from tasks
        where status = 'queued' and (tasks.kind, tasks.version, tasks.destination) > (queues.kind, queues.version, queues.destination)
        order by kind, version, destination limit 1) as next
    ), late as (
      select kind, max(extract(epoch from now() - first.run_at)) as seconds
      from queues cross join lateral (
        select run_at from tasks
        where status = 'queued' and tasks.kind = queues.kind and tasks.version = queues.version and tasks.destination = queues.destination
        order by run_at limit 1) as first
      where not exists (select from task_pauses pause where pause.destination = queues.destination and until > now())
      group by kind
    ), dead as (
      select kind, count(*)::integer as count from (select kind from tasks where status = 'dead' limit ${MOST_COUNTED}) as capped group by kind
    )
    select kind, coalesce(dead.count, 0) as dead, greatest(coalesce(late.seconds, 0), 0)::float8 as "lateSeconds", (
      select count(*) from (select from tasks where status = 'queued' and tasks.kind = kinds.kind limit ${MOST_COUNTED}) as capped
    )::integer as queued
    from (select kind from queues union select kind from dead) as kinds left join late using (kind) left join dead using (kind)
    order by kind`.execute(db);
  return rows;
}

export async function readPauses<Schema>(db: Kysely<Schema>): Promise<readonly Pause[]> {
  const { rows } = await sql<Pause>`select destination, until, reason from task_pauses where until > now() order by destination`.execute(
    db,
  );
  return rows;
}
