import { anyOf, type Database } from '@stoa/postgres';
import type { Verdict } from '@stoa/tasks';
import { type SelectQueryBuilder, sql, type Transaction } from 'kysely';
import { QUEUE_CHANNEL } from '../queue-mail.ts';
import type { MailerTables } from '../tables.ts';
import type { ClaimedMail } from './claim-mails.ts';
import { MOST_CRASHES } from './retry-policy.ts';

type Tx = Transaction<MailerTables>;
type Sending = SelectQueryBuilder<MailerTables, 'mails', { id: string; unknowns: number }>;

/** What becomes of mails whose delivery no process will end, and the reason that is stored. */
interface Reclaim {
  readonly next: Verdict;
  readonly reason: string;
  readonly deferrals: 0 | 1;
}

/** The mails of dead processes have waited long enough. */
const GONE: Reclaim = {
  next: { status: 'queued', delayMs: 0, counts: 'deferrals', pause: false },
  reason: 'the process that claimed the mail is gone, or does not know of it',
  deferrals: 0,
};

/** Puts back into the queue what `owners` had claimed, `except` what is really in progress. @returns how many mails. */
export async function reclaimMails(
  database: Database<MailerTables>,
  tx: Tx,
  owners: readonly string[],
  except: readonly string[],
): Promise<number> {
  // A claim of an older copy, which holds no lease, may be under way at the server: it has this row until it is over.
  await tx.selectFrom('pacing').select('turn').forUpdate().execute();
  return await putBack(database, tx, GONE, (sending) => {
    const theirs = sending.where('owner', '=', anyOf(owners, 'uuid'));
    return except.length === 0 ? theirs : theirs.where(({ not, eb }) => not(eb('id', '=', anyOf(except, 'uuid'))));
  });
}

/** Puts back one mail whose delivery broke off, under the number of its claim. */
export async function giveBack(database: Database<MailerTables>, instanceId: string, mail: ClaimedMail, next: Verdict): Promise<void> {
  const reclaim: Reclaim = { next, reason: 'the delivery broke off', deferrals: 1 };
  await database.transaction((tx) =>
    putBack(database, tx, reclaim, (sending) =>
      sending.where('id', '=', mail.id).where('owner', '=', instanceId).where('fence', '=', mail.fence),
    ),
  );
}

/** A mail whose attempt had begun may have been sent: the attempt ends as `unknown`, and after too many of these so does the mail. */
async function putBack(
  database: Database<MailerTables>,
  tx: Tx,
  { next, reason, deferrals }: Reclaim,
  which: (sending: Sending) => Sending,
): Promise<number> {
  const mails = await which(tx.selectFrom('mails').select(['id', 'unknowns']).where('status', '=', 'sending'))
    .forUpdate()
    .execute();
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
      deferrals: sql`deferrals + ${deferrals}::integer`,
      due_at: sql`greatest(due_at, clock_timestamp() + ${delayMs} * interval '1 ms')`,
      reason,
      owner: null,
    })
    .where('id', '=', anyOf(ids, 'uuid'))
    .execute();
  database.afterCommit(tx, () => database.notify(QUEUE_CHANNEL));
  return ids.length;
}
