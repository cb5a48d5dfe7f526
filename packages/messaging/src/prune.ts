import type { Kysely } from 'kysely';
import { forgetSeen, sweepHandled } from './inbox-register.ts';
import type { MessagingSettings } from './settings.ts';

/**
 * Removes a batch of known messages that are past their time, and of rows that an earlier version handled. Dead rows stay for an operator.
 * @returns whether there may be more.
 */
export async function prune<Schema>(db: Kysely<Schema>, { inboxRetentionHours }: MessagingSettings): Promise<boolean> {
  const more = [await sweepHandled(db), await forgetSeen(db, inboxRetentionHours)];
  return more.includes(true);
}
