import { job } from '@stoa/messaging';
import { anyOf } from '@stoa/postgres';
import { type Kysely, sql } from 'kysely';
import { Type } from 'typebox';
import { deletedUsers } from '../on-user-deleted.ts';
import type { MailerTables } from '../tables.ts';

/** So many of a kind in one run: locks are held for a moment only. */
const BATCH = 1_000;
/** Longer than an event can be replayed; and for as long as a mail of the person is there, which may be sent again. */
const DELETED_USERS_KEPT_DAYS = 30;

/** The job that forgets mails that reached their end long ago, with their attempts, each minute, a batch at a time until nothing is left. */
export const createCleanUp = ({ retentionDays }: { readonly retentionDays: number }) =>
  job<MailerTables, ReturnType<typeof Type.Object>>({
    name: 'remove-expired-data',
    formerNames: ['forget-old-mails'],
    data: Type.Object({}, { additionalProperties: false }),
    async handle(tx) {
      const mails = await forgetMails(tx, retentionDays);
      const usedBy = { table: 'mails', column: 'user_id' };
      const users = await deletedUsers.forget(tx, { days: DELETED_USERS_KEPT_DAYS, limit: BATCH, usedBy, since: 'heard_at' });
      return [mails, users].includes(BATCH) ? 'more' : undefined;
    },
  });

/** A batch of those that ended first. What has not ended stays, however old. @returns how many. */
async function forgetMails(tx: Kysely<MailerTables>, days: number): Promise<number> {
  const { rows } = await sql<{ id: string }>`
    select id from mails where finished_at < now() - ${days} * interval '1 day'
    order by finished_at limit ${BATCH} for update skip locked`.execute(tx);
  if (rows.length === 0) return 0;
  const ids = rows.map(({ id }) => id);
  await tx.deleteFrom('attempts').where('mail_id', '=', anyOf(ids, 'uuid')).execute();
  await tx.deleteFrom('mails').where('id', '=', anyOf(ids, 'uuid')).execute();
  return ids.length;
}
