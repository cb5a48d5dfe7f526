import type { DeadLetterSource } from '@stoa/messaging';
import { sql } from 'kysely';
import { TASKS_CHANNEL } from './task.ts';

/** Tasks that were given up, among the dead letters of a service. A replay gives a task all of its tries again. */
export const deadTasks: DeadLetterSource = {
  box: 'tasks',
  channel: TASKS_CHANNEL,
  rows: sql`
    select 'tasks' as box, number as id, 'task:' || kind as consumer, id as message_id, kind as type, version, destination as key,
      created_at as occurred_at, correlation_id, (select count(*) from task_attempts where task_id = tasks.id)::integer as attempts,
      reason, failed_at, replays, replayed_at, data, replay_id, null as subscriber
    from tasks where status = 'dead'`,
  replay: (replay) => sql`
    update tasks set status = 'queued', failures = 0, unknowns = 0, deferrals = 0, due_at = due.at, run_at = due.at, failed_at = null,
      replays = replays + 1, replayed_at = now(), replay_id = ${replay}
    from due where due.box = 'tasks' and tasks.number = due.id and tasks.status = 'dead'
    returning 1`,
};
