import type { Database } from '@stoa/postgres';
import { sql } from 'kysely';
import { QUEUE_CHANNEL } from '../queue-mail.ts';
import type { MailerTables } from '../tables.ts';
import { MOST_CRASHES } from './retry-policy.ts';

/**
 * Puts back into the queue what `owners` had in hand, or `only` one mail of it. A mail whose attempt had begun may have been
 * sent: the attempt ends as `unknown`, and after too many of these so does the mail. @returns how many mails it were.
 */
export async function reclaimMails(database: Database<MailerTables>, owners: readonly string[], only?: string): Promise<number> {
  return await database.transaction(async (tx) => {
    let inHand = tx.selectFrom('mails').select(['id', 'unknowns']).where('status', '=', 'sending').where('owner', 'in', owners);
    if (only !== undefined) inHand = inHand.where('id', '=', only);
    const mails = await inHand.forUpdate().execute();
    if (mails.length === 0) return 0;
    const ids = mails.map(({ id }) => id);
    const begun = await tx
      .updateTable('attempts')
      .set({ status: 'unknown', ended_at: sql<Date>`clock_timestamp()`, response: 'the process that sent the mail is gone' })
      .where('mail_id', 'in', ids)
      .where('status', '=', 'sending')
      .returning('mail_id')
      .execute();
    const unsure = new Set(begun.map(({ mail_id }) => mail_id));
    const hopeless = mails.filter(({ id, unknowns }) => unsure.has(id) && unknowns + 1 >= MOST_CRASHES).map(({ id }) => id);
    await tx
      .updateTable('mails')
      .set({
        status: sql`case when id = any(${hopeless}::uuid[]) then 'unknown' else 'queued' end`,
        finished_at: sql`case when id = any(${hopeless}::uuid[]) then clock_timestamp() end`,
        unknowns: sql`unknowns + case when id = any(${[...unsure]}::uuid[]) then 1 else 0 end`,
        reason: 'the process that sent the mail is gone',
        owner: null,
      })
      .where('id', 'in', ids)
      .execute();
    await sql`select pg_notify(${QUEUE_CHANNEL}, '')`.execute(tx);
    return ids.length;
  });
}
