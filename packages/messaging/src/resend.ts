import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '@stoa/postgres';
import { sql } from 'kysely';
import { OUTBOX_CHANNEL } from './outbox.ts';
import { defaultSettings } from './settings.ts';

/** Rows that one statement puts back. */
const BATCH = 500;
const DEFAULT_PER_SECOND = 500;

export interface ResendOptions {
  /** From when on what was sent is sent again. */
  readonly since: Date;
  /** Only to this one, of those that the events were for. */
  readonly subscriber?: string;
  /** How many per second are put back at most; 500 by default. */
  readonly ratePerSecond?: number;
  /** How long what was sent is kept, in hours. */
  readonly keptHours?: number;
}

/** What was sent then is not kept any more. */
export class NotKeptError extends RangeError {
  override readonly name = 'NotKeptError';
}

/**
 * Puts what was sent since a time into the outbox again, in its order: for what a broker, or a subscriber's database, has lost after it had
 * confirmed it. Safe, as subscribers ignore what they have. What is appended meanwhile may reach them first.
 * @returns how many. @throws NotKeptError when what was sent then may be gone.
 */
export async function resendSince<Schema>(
  database: Database<Schema>,
  { since, subscriber, ratePerSecond = DEFAULT_PER_SECOND, keptHours = defaultSettings.outboxRetentionHours }: ResendOptions,
): Promise<number> {
  const { rows } = await sql<{ until: string; kept: boolean }>`
    select now()::text as until, ${since} >= now() - ${keptHours} * interval '1 h' as kept`.execute(database.query);
  const { until = '', kept } = rows[0] ?? {};
  if (kept !== true) throw new NotKeptError(`What was sent is kept for ${keptHours} hours.`);
  const most = Math.min(BATCH, ratePerSecond);
  let count = 0;
  let after: { sent_at: string; id: number } = { sent_at: since.toISOString(), id: 0 };
  for (;;) {
    const { rows: put } = await sql<{ sent_at: string; id: number }>`
      with next as (
        select * from outbox_sent
        where (sent_at, id) > (${after.sent_at}::timestamptz, ${after.id}) and sent_at <= ${until}::timestamptz
          and (${subscriber ?? null}::text is null or ${subscriber ?? null} = any(subscribers))
        order by sent_at, id limit ${most}
      ), put as (
        insert into outbox (message_id, type, version, key, subscribers, occurred_at, correlation_id, traceparent, tracestate, data)
        select message_id, type, version, key, case when ${subscriber ?? null}::text is null then subscribers else array[${subscriber ?? null}::text] end, occurred_at,
          correlation_id, traceparent, tracestate, data
        from next order by sent_at, id
      )
      select sent_at::text as sent_at, id from next order by next.sent_at, id`.execute(database.query);
    count += put.length;
    const last = put.at(-1);
    if (last !== undefined) database.notify(OUTBOX_CHANNEL);
    if (last === undefined || put.length < most) return count;
    after = last;
    await delay((most / ratePerSecond) * 1_000);
  }
}
