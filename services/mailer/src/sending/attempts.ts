import type { Database } from '@stoa/postgres';
import { type Logger, uuidv7 } from '@stoa/service';
import { retryUntilAborted, type Verdict } from '@stoa/tasks';
import { type QueryCreator, sql } from 'kysely';
import { PACE_CHANGED, QUEUE_CHANNEL } from '../queue-mail.ts';
import type { AttemptStatus, MailerTables, MailStatus } from '../tables.ts';
import type { ClaimedMail } from './claim-mails.ts';
import { PAUSE_MS } from './retry-policy.ts';

/** The audit of what happened to the mails that this process delivers. */
export interface Attempts {
  /** Stores that a try begins. @returns its id; nothing when the mail is no longer ours, and then it must not be sent. */
  begin(mail: ClaimedMail, transport: string): Promise<string | undefined>;
  /** The try succeeded, failed for good, or is to be repeated: attempt and mail change together. */
  end(
    mail: ClaimedMail,
    attempt: string,
    status: AttemptStatus,
    response: string,
    next: Verdict | { readonly status: 'sent' },
  ): Promise<void>;
  /** The mail is released without a try. `superseded`: nothing is to be sent, and its place is given to the next one. */
  release(mail: ClaimedMail, next: Verdict | { readonly status: 'superseded' }, reason: string): Promise<void>;
}

type Next = Verdict | { readonly status: 'sent' | 'superseded' };

/** `signal`: aborted when the process must end even though the database is away. */
export function createAttempts(
  { database, instanceId, log }: { readonly database: Database<MailerTables>; readonly instanceId: string; readonly log: Logger },
  signal: AbortSignal,
): Attempts {
  const { query } = database;

  /** A mail that another process has taken over meanwhile is left to that one. */
  function move(db: QueryCreator<MailerTables>, mail: ClaimedMail, next: Next, reason: string | null) {
    const again = next.status === 'queued';
    return db
      .updateTable('mails')
      .set({
        status: next.status as MailStatus,
        owner: null,
        reason,
        finished_at: again ? null : sql<Date>`clock_timestamp()`,
        ...(again && {
          due_at: sql<Date>`clock_timestamp() + ${next.delayMs} * interval '1 ms'`,
          [next.counts]: sql<number>`${sql.ref(next.counts)} + 1`,
        }),
      })
      .where('id', '=', mail.id)
      .where('owner', '=', instanceId)
      .where('fence', '=', mail.fence);
  }

  return {
    async begin(mail, transport) {
      const attempt = uuidv7();
      const begun = await query
        .insertInto('attempts')
        .columns(['id', 'mail_id', 'number', 'transport', 'instance_id'])
        .expression((db) =>
          db
            .selectFrom('mails')
            .select((mails) => [
              sql<string>`${attempt}::uuid`.as('id'),
              'id as mail_id',
              mails.selectFrom('attempts').select(sql<number>`count(*) + 1`.as('number')).where('mail_id', '=', mail.id).as('number'),
              sql<string>`${transport}::text`.as('transport'),
              'owner as instance_id',
            ])
            .where('id', '=', mail.id)
            .where('owner', '=', instanceId)
            .where('fence', '=', mail.fence),
        )
        .returning('id')
        .executeTakeFirst();
      return begun && attempt;
    },
    async end(mail, attempt, status, response, next) {
      const ended = query.with('ended', (db) =>
        db.updateTable('attempts').set({ status, response, ended_at: sql<Date>`clock_timestamp()` }).where('id', '=', attempt),
      );
      await retryUntilAborted(() => move(ended, mail, next, status === 'sent' ? null : response).execute(), { signal, log });
      if (next.status === 'queued' && next.pause) await retryUntilAborted(() => pause(query), { signal, log });
    },
    async release(mail, next, reason) {
      await retryUntilAborted(() => move(query, mail, next, reason).execute(), { signal, log });
      // Nothing left, so the next mail need not wait for a turn that was not used, unless it has already been given out.
      if (next.status !== 'superseded' || mail.turn === undefined) return;
      await query
        .updateTable('pacing')
        .set({ next_at: sql<Date>`clock_timestamp()`, written_at: sql<Date>`clock_timestamp()` })
        .where('turn', '=', mail.turn)
        .execute();
      database.notify(QUEUE_CHANNEL, PACE_CHANGED);
    },
  };
}

const pause = (db: QueryCreator<MailerTables>) =>
  db
    .updateTable('pacing')
    .set({
      next_at: sql<Date>`greatest(next_at, clock_timestamp() + ${PAUSE_MS} * interval '1 ms')`,
      written_at: sql<Date>`clock_timestamp()`,
      turn: sql<number>`turn + 1`,
    })
    .execute();
