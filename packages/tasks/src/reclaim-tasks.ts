import type { Database } from '@stoa/postgres';
import { sql, type Transaction } from 'kysely';
import { MOST_CRASHES, TASKS_CHANNEL } from './task.ts';

const REASON = 'the process that ran the task is gone, or does not know of it';

/**
 * Puts the tasks of `owners` back into the queue, `except` those really in progress. A task whose attempt had begun may have happened: the
 * attempt ends as `unknown`, and after too many of these the task is dead. @returns how many tasks it were.
 */
export async function reclaimTasks<Schema>(
  database: Database<Schema>,
  tx: Transaction<Schema>,
  owners: readonly string[],
  except: readonly string[],
): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    with lost as (
      select id from tasks where status = 'running' and owner = any(${owners}::uuid[]) and id <> all(${except}::uuid[]) order by id for update
    ), begun as (
      update task_attempts set status = 'unknown', ended_at = clock_timestamp(), response = ${REASON}
      where task_id in (select id from lost) and status = 'running' returning task_id
    ), put_back as (
      update tasks set owner = null, reason = ${REASON}, unknowns = unknowns + is_begun::integer,
        status = case when is_begun and unknowns + 1 >= ${MOST_CRASHES} then 'dead' else 'queued' end,
        failed_at = case when is_begun and unknowns + 1 >= ${MOST_CRASHES} then clock_timestamp() end
      from (select id, id in (select task_id from begun) as is_begun from lost) as lost where tasks.id = lost.id
      returning 1
    )
    select count(*)::integer as count from put_back`.execute(tx);
  const count = rows[0]?.count ?? 0;
  if (count > 0) database.afterCommit(tx, () => database.notify(TASKS_CHANNEL));
  return count;
}
