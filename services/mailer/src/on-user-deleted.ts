import { userDeleted } from '@stoa/contracts';
import { consumer } from '@stoa/messaging';
import { sql } from 'kysely';
import type { MailerTables } from './tables.ts';

export const DELETED_REASON = 'the account was deleted';

/**
 * What still waits for a person who is gone is not sent. Nothing here depends on order: the consumers of one person's events run
 * side by side, and a dead letter may be replayed after days, so this leaves a mark behind that is looked at when a mail leaves.
 */
export const onUserDeleted = () =>
  consumer<MailerTables, typeof userDeleted.schema>({
    name: 'on-user-deleted',
    // It locks mails that the sender wants.
    batch: 1,
    event: userDeleted,
    async handle(tx, { userId, deletedAt }) {
      await tx
        .insertInto('deleted_users')
        .values({ user_id: userId, deleted_at: new Date(deletedAt) })
        .onConflict((conflict) => conflict.column('user_id').doNothing())
        .execute();
      await tx
        .updateTable('mails')
        .set({ status: 'superseded', reason: DELETED_REASON, finished_at: sql<Date>`clock_timestamp()` })
        .where('user_id', '=', userId)
        .where('status', '=', 'queued')
        .execute();
    },
  });
