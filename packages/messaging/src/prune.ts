import { type Kysely, sql } from 'kysely';
import type { MessagingSettings } from './settings.ts';

/** Rows of one statement: short enough that nobody waits for it. */
const BATCH = 1_000;

/**
 * Removes one batch each of sent and of handled rows that are past their time. Parked and dead rows stay: somebody has to look at them.
 * @returns whether there may be more.
 */
export async function prune<Schema>(
  db: Kysely<Schema>,
  { outboxRetentionHours, inboxRetentionHours }: MessagingSettings,
): Promise<boolean> {
  const sent = await sql`
    delete from outbox where id = any(array(
      select id from outbox where sent_at < now() - ${outboxRetentionHours} * interval '1 h'
      order by sent_at limit ${BATCH} for update skip locked))`.execute(db);
  const handled = await sql`
    delete from inbox where id = any(array(
      select id from inbox where status = 'done' and done_at < now() - ${inboxRetentionHours} * interval '1 h'
      order by done_at limit ${BATCH} for update skip locked))`.execute(db);
  return Number(sent.numAffectedRows ?? 0) === BATCH || Number(handled.numAffectedRows ?? 0) === BATCH;
}
