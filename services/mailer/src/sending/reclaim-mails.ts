import { anyOf, type Database } from '@stoa/postgres';
import { sql } from 'kysely';
import { QUEUE_CHANNEL } from '../queue-mail.ts';
import type { MailerTables } from '../tables.ts';
import { MOST_CRASHES, type Verdict } from './retry-policy.ts';

/** One mail that an instance that lives could not bring to an end, and what is to become of it. */
interface BrokenOff {
  readonly mail: { readonly id: string };
  readonly next: Verdict;
}

interface Which {
  readonly only?: BrokenOff;
  /** The ids of mails that are in hand. */
  readonly except?: readonly string[];
}

/**
 * Puts back into the queue what `owners` had in hand, or `only` one mail of it, or all `except` what is in hand indeed. A mail whose attempt
 * had begun may have been sent: the attempt ends as `unknown`, and after too many of these so does the mail. @returns how many mails it were.
 */
export async function reclaimMails(
  database: Database<MailerTables>,
  owners: readonly string[],
  { only, except = [] }: Which = {},
): Promise<number> {
  const reason = only === undefined ? 'the process that claimed the mail is gone, or does not know of it' : 'the delivery broke off';
  // Those of the dead have waited long enough.
  const { next = { status: 'queued', delayMs: 0 } } = only ?? {};
  return await database.transaction(async (tx) => {
    // A claim whose process is gone, or has not heard how it ended, may be under way at the server: it has this row until it is over.
    if (only === undefined) await tx.selectFrom('pacing').select('turn').forUpdate().execute();
    let inHand = tx
      .selectFrom('mails')
      .select(['id', 'unknowns'])
      .where('status', '=', 'sending')
      .where('owner', '=', anyOf(owners, 'uuid'));
    if (only !== undefined) inHand = inHand.where('id', '=', only.mail.id);
    if (except.length > 0) inHand = inHand.where(({ not, eb }) => not(eb('id', '=', anyOf(except, 'uuid'))));
    const mails = await inHand.forUpdate().execute();
    if (mails.length === 0) return 0;
    const ids = mails.map(({ id }) => id);
    const begun = await tx
      .updateTable('attempts')
      .set({ status: 'unknown', ended_at: sql<Date>`clock_timestamp()`, response: reason })
      .where('mail_id', '=', anyOf(ids, 'uuid'))
      .where('status', '=', 'sending')
      .returning('mail_id')
      .execute();
    const unsure = new Set(begun.map(({ mail_id }) => mail_id));
    const hopeless = mails.filter(({ id, unknowns }) => unsure.has(id) && unknowns + 1 >= MOST_CRASHES).map(({ id }) => id);
    const delayMs = next.status === 'queued' ? next.delayMs : 0;
    await tx
      .updateTable('mails')
      .set({
        status: sql`case when id = any(${hopeless}::uuid[]) then 'unknown' else ${next.status}::text end`,
        finished_at: sql`case when id = any(${hopeless}::uuid[]) or ${next.status !== 'queued'}::boolean then clock_timestamp() end`,
        unknowns: sql`unknowns + case when id = any(${[...unsure]}::uuid[]) then 1 else 0 end`,
        deferrals: sql`deferrals + ${only === undefined ? 0 : 1}::integer`,
        due_at: sql`greatest(due_at, clock_timestamp() + ${delayMs} * interval '1 ms')`,
        reason,
        owner: null,
      })
      .where('id', '=', anyOf(ids, 'uuid'))
      .execute();
    database.afterCommit(tx, () => database.notify(QUEUE_CHANNEL));
    return ids.length;
  });
}
