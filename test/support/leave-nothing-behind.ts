import type { Database } from '@stoa/postgres';
import { beforeDrop } from '@stoa/postgres/testing';
import { sql } from 'kysely';

/**
 * No test ends with an event that was not published, or with work in the queue: what is still there then was forgotten by the
 * code or by the test. A test that means it says so: `testDatabase({ …, leftoversExpected: 'why' })`.
 */
beforeDrop(async (database) => {
  const { rows } = await sql<{ messaging: boolean; tasks: boolean }>`
    select to_regclass('outbox') is not null and to_regclass('inbox') is not null as messaging, to_regclass('tasks') is not null as tasks`.execute(
    database.query,
  );
  if (!rows[0]?.messaging) return;
  const { drained } = await import('@stoa/messaging/testing');
  await drained(database);
  if (rows[0].tasks) await tasksEnded(database);
});

async function tasksEnded(database: Database<unknown>): Promise<void> {
  const { rows } = await sql<{ kind: string; count: number }>`
    select kind, count(*)::integer as count from tasks
    where status = 'running' or (status = 'queued' and run_at <= clock_timestamp()) group by kind order by kind`.execute(database.query);
  if (rows.length > 0) throw new Error(`tasks that did not end: ${rows.map(({ kind, count }) => `${count} of ${kind}`).join(', ')}`);
}
