import { type Kysely, sql, type Transaction } from 'kysely';
import type { ClaimedTask } from './claim-tasks.ts';
import type { Verdict } from './retry-policy.ts';

/** An attempt that was stored before its run. */
export interface Attempt {
  readonly id: string;
  /** From 1, over all processes and replays. */
  readonly number: number;
  /** How many before it ended with a refusal. */
  readonly refusals: number;
}

/** How an attempt ended, as it is kept. */
export interface Ending {
  readonly status: 'done' | 'failed' | 'unknown';
  readonly response: string | null;
}

/** Everything that a run writes: only while this claim still holds the task. */
const isOurs = (instanceId: string, { id, fence }: ClaimedTask) =>
  sql`id = ${id} and owner = ${instanceId} and fence = ${fence} and status = 'running'`;

/** Stores that a run begins. @returns nothing when the task is no longer ours, and then it must not run. */
export async function beginAttempt<Schema>(
  db: Kysely<Schema>,
  instanceId: string,
  task: ClaimedTask,
  id: string,
): Promise<Attempt | undefined> {
  const { rows } = await sql<Omit<Attempt, 'id'>>`
    with earlier as (
      select count(*)::integer as count, (count(*) filter (where status = 'failed'))::integer as refusals
      from task_attempts where task_id = ${task.id}
    ), begun as (
      insert into task_attempts (id, task_id, number, instance_id)
      select ${id}::uuid, tasks.id, earlier.count + 1, owner from tasks, earlier where ${isOurs(instanceId, task)}
      returning number
    )
    select number, refusals from begun, earlier`.execute(db);
  return rows[0] && { id, ...rows[0] };
}

/** What became of an attempt is kept with it, whichever process has the task by then. */
const endAttempt = (attempt: string, { status, response }: Ending) => sql`
  update task_attempts set status = ${status}, response = ${response}, ended_at = clock_timestamp() where id = ${attempt}`;

/** The task is done: it leaves the queue with its attempts. @returns false when it is another's, which nothing is taken from. */
export async function finishTask<Schema>(
  tx: Transaction<Schema>,
  instanceId: string,
  task: ClaimedTask,
  attempt: string,
  response: string | null,
): Promise<boolean> {
  // The statement sees the attempts as they were before it: the last one is written out.
  const isLast = sql`attempts.id = ${attempt}`;
  const { rows } = await sql`
    with ended as (${endAttempt(attempt, { status: 'done', response })}), gone as (
      delete from tasks where ${isOurs(instanceId, task)} returning id, kind, destination, correlation_id, created_at
    )
    insert into finished_tasks (id, kind, destination, correlation_id, created_at, attempts)
    select id, kind, destination, correlation_id, created_at, (
      select jsonb_agg(jsonb_build_object('number', number, 'startedAt', started_at,
        'endedAt', case when ${isLast} then clock_timestamp() else ended_at end,
        'status', case when ${isLast} then 'done' else status end,
        'response', case when ${isLast} then ${response}::text else response end) order by number)
      from task_attempts attempts where task_id = gone.id)
    from gone
    returning id`.execute(tx);
  return rows.length > 0;
}

/** The task is not done: it waits for its next run, or is given up. @returns false when it is another's. */
export async function putBackTask<Schema>(
  tx: Transaction<Schema>,
  instanceId: string,
  task: ClaimedTask,
  attempt: string,
  ending: Ending,
  verdict: Verdict,
): Promise<boolean> {
  const isQueued = verdict.status === 'queued';
  const counts = isQueued ? verdict.counts : verdict.status === 'unknown' ? 'unknowns' : 'failures';
  const { rows } = await sql`
    with ended as (${endAttempt(attempt, ending)})
    update tasks set status = ${isQueued ? 'queued' : 'dead'}, owner = null, reason = ${ending.response},
      ${sql.ref(counts)} = ${sql.ref(counts)} + 1,
      run_at = case when ${isQueued} then clock_timestamp() + ${isQueued ? verdict.delayMs : 0} * interval '1 ms' else run_at end,
      failed_at = case when not ${isQueued} then clock_timestamp() end
    where ${isOurs(instanceId, task)}
    returning id`.execute(tx);
  return rows.length > 0;
}

/** All tasks with this destination wait; of two pauses the longer counts. */
export async function pauseDestination<Schema>(
  tx: Transaction<Schema>,
  destination: string,
  pauseMs: number,
  reason: string,
): Promise<void> {
  await sql`
    insert into task_pauses (destination, until, reason) values (${destination}, now() + ${pauseMs} * interval '1 ms', ${reason})
    on conflict (destination) do update set until = greatest(task_pauses.until, excluded.until), reason = excluded.reason`.execute(tx);
}

/** Takes away the pauses that are over. */
export async function forgetPauses<Schema>(db: Kysely<Schema>): Promise<void> {
  await sql`delete from task_pauses where until <= now()`.execute(db);
}
