import { type Kysely, sql } from 'kysely';
import { forgetSeen, sweepHandled } from './inbox-register.ts';
import type { MessagingSettings } from './settings.ts';

/** Rows of one statement: short enough that nobody waits for it. */
const BATCH = 1_000;

/**
 * Removes one batch each of sent rows and of known messages that are past their time, and of rows that an earlier version handled. Parked and dead rows stay: somebody has to look at them.
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
  const more = [await sweepHandled(db), await forgetSeen(db, inboxRetentionHours)];
  return Number(sent.numAffectedRows ?? 0) === BATCH || more.includes(true);
}
