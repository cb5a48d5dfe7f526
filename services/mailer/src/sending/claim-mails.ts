import type { Claim, Tried } from '@stoa/tasks';
import { sql, type Transaction } from 'kysely';
import type { SecretRequest } from '../secrets.ts';
import type { MailerTables } from '../tables.ts';
import { patienceOf, type TemplateName } from '../templates.ts';

/**
 * How late a process may claim and still be given the time it lost: timers and transactions take milliseconds, and without
 * this a rate of 1000 would end at some 300. In any stretch of t seconds no more than rate × (t + 0.02) + 1 mails leave.
 */
const GRACE_MS = 20;
/** Polls after this long even without a notification: it may be lost, with the process that was to send it. */
const IDLE_MS = 5_000;

/** A mail that this process delivers. */
export interface ClaimedMail extends Tried {
  readonly id: string;
  /** The number of this claim of the mail: checked when the delivery ends. */
  readonly fence: number;
  readonly template: TemplateName;
  readonly recipient: string;
  readonly data: Record<string, unknown>;
  readonly secretRequest: SecretRequest | undefined;
  /** Nothing is to be sent. */
  readonly isUserDeleted: boolean;
  readonly messageId: string;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly tracestate: string | null;
  /** The claim's place among all claims of all processes, where it took this mail alone. */
  readonly turn: number | undefined;
}

/** The clock of the database, since the pace was last written. */
const WAS_SET_BACK = sql<boolean>`(written_at > clock_timestamp())`;

export type ClaimMails = (tx: Transaction<MailerTables>, most: number) => Promise<Claim<ClaimedMail>>;

/**
 * Takes the next mails of the queue, as many as the rate allows now. Pace and mails are taken in one transaction, one process
 * after the other, so that rate and order hold over all of them.
 */
export function createClaimMails(ratePerSecond: number, instanceId: string): ClaimMails {
  const intervalMs = 1000 / ratePerSecond;
  return async (tx, most) => {
    const { wait, credit, wasSetBack } = await tx
      .selectFrom('pacing')
      .select([
        sql<number>`(extract(epoch from next_at - clock_timestamp()) * 1000)::float8`.as('wait'),
        sql<number>`least(extract(epoch from clock_timestamp() - next_at) * 1000, ${GRACE_MS}::int)::float8`.as('credit'),
        WAS_SET_BACK.as('wasSetBack'),
      ])
      .forUpdate()
      .executeTakeFirstOrThrow();
    if (wait > 0 && !wasSetBack) return { claimed: [], waitMs: wait, paced: true };

    const limit = wasSetBack ? 1 : Math.min(most, 1 + Math.floor(credit / intervalMs));
    const rows = await tx
      .with('next', (db) =>
        db
          .selectFrom('mails')
          .select('id')
          .where('status', '=', 'queued')
          // One that was never delayed is due, also when the clock was set back since.
          .where(sql<boolean>`(due_at <= clock_timestamp() or due_at <= created_at)`)
          .orderBy('position')
          .limit(limit)
          .forUpdate()
          .skipLocked(),
      )
      .updateTable('mails')
      .set({ status: 'sending', owner: instanceId, fence: sql<number>`fence + 1` })
      .from('next')
      .whereRef('mails.id', '=', 'next.id')
      .returning([
        'mails.id',
        'fence',
        'position',
        'template',
        'recipient',
        'data',
        'code_request_id as codeRequestId',
        'link_request_id as linkRequestId',
        // It may have been queued after the deletion arrived.
        sql<boolean>`exists (select from deleted_users where deleted_users.user_id = mails.user_id)`.as('isUserDeleted'),
        'message_id as messageId',
        'correlation_id as correlationId',
        'traceparent',
        'tracestate',
        'failures',
        'unknowns',
        'deferrals',
        sql<number>`extract(epoch from clock_timestamp() - created_at)::float8`.as('ageSeconds'),
      ])
      .execute();
    if (rows.length === 0) return { claimed: [], waitMs: await untilDue(tx) };

    const { turn } = await tx
      .updateTable('pacing')
      .set({
        next_at: sql<Date>`
          greatest(case when ${WAS_SET_BACK} then 'epoch' else next_at end, clock_timestamp() - ${GRACE_MS} * interval '1 ms')
            + ${rows.length * intervalMs} * interval '1 ms'`,
        written_at: sql<Date>`clock_timestamp()`,
        turn: sql<number>`turn + 1`,
      })
      .returning('turn')
      .executeTakeFirstOrThrow();
    rows.sort((one, other) => one.position - other.position);
    return { claimed: rows.map((row) => toClaimed(row, rows.length === 1 ? turn : undefined)), waitMs: 0 };
  };
}

interface Row extends Omit<ClaimedMail, 'template' | 'secretRequest' | 'turn' | 'patienceSeconds'> {
  readonly template: string;
  readonly codeRequestId: string | null;
  readonly linkRequestId: string | null;
}

function toClaimed({ template, codeRequestId, linkRequestId, ...row }: Row, turn: number | undefined): ClaimedMail {
  const name = template as TemplateName;
  const secretRequest: SecretRequest | undefined =
    codeRequestId !== null
      ? { kind: 'code', requestId: codeRequestId }
      : linkRequestId !== null
        ? { kind: 'link', requestId: linkRequestId }
        : undefined;
  return { ...row, template: name, secretRequest, patienceSeconds: patienceOf(name), turn };
}

async function untilDue(tx: Transaction<MailerTables>): Promise<number> {
  const { wait } = await tx
    .selectFrom('mails')
    .select(sql<number | null>`(extract(epoch from min(due_at) - clock_timestamp()) * 1000)::float8`.as('wait'))
    .where('status', '=', 'queued')
    .executeTakeFirstOrThrow();
  return wait === null ? IDLE_MS : Math.min(Math.max(wait, 1), IDLE_MS);
}
