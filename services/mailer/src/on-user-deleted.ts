import { userDeleted } from '@stoa/contracts';
import { createReplica } from '@stoa/kit';
import { consumer } from '@stoa/messaging';
import { sql } from 'kysely';
import type { MailerTables } from './tables.ts';

/** The mailer records that a user was deleted. */
export const deletedUsers = createReplica<MailerTables>({ table: 'deleted_users', id: 'user_id' });

export const DELETED_REASON = 'the account was deleted';

/**
 * What still waits for a deleted user is not sent. Nothing here depends on order: the consumers of one user's events run side by side,
 * and a dead letter may be replayed after days, so this leaves a mark behind that is checked when a mail leaves.
 */
export const onUserDeleted = () =>
  consumer<MailerTables, typeof userDeleted.schema>({
    name: 'on-user-deleted',
    // It locks mails that the sender wants.
    batch: 1,
    event: userDeleted,
    async handle(tx, { userId, deletedAt }) {
      await deletedUsers.remove(tx, userId, new Date(deletedAt));
      await tx
        .updateTable('mails')
        .set({ status: 'superseded', reason: DELETED_REASON, finished_at: sql<Date>`clock_timestamp()` })
        .where('user_id', '=', userId)
        .where('status', '=', 'queued')
        .execute();
    },
  });
