import type { Database } from '@stoa/postgres';
import { AppError, type Logger } from '@stoa/service';
import { type RawBuilder, sql } from 'kysely';
import { type Static, Type } from 'typebox';
import { findFault } from './check.ts';
import { defaultSettings } from './settings.ts';

/** A message that could not be published (`outbox`, parked) or handled (`inbox`, dead). */
export interface DeadLetter {
  /** `inbox-17`, `outbox-4`. */
  readonly id: string;
  readonly box: 'inbox' | 'outbox';
  /** Who could not handle it; a job is `job:<name>`, absent in the outbox. */
  readonly consumer?: string;
  readonly messageId: string;
  readonly type: string;
  readonly version: number;
  readonly key: string;
  readonly correlationId: string;
  readonly occurredAt: Date;
  readonly failedAt: Date;
  readonly attempts: number;
  readonly reason: string;
  readonly replays: number;
  readonly replayedAt?: Date;
  /** Where it stands in the list: as a `cursor` it asks for those behind it. */
  readonly place: string;
}

export interface DeadLetterFilter {
  readonly box?: 'inbox' | 'outbox';
  readonly consumer?: string;
  readonly type?: string;
  readonly key?: string;
}

export interface DeadLetters {
  /** Newest failure first. `limit` 1–100, default 20; `cursor` from the page before, or an item's `place`. @throws AppError `invalid_cursor`. */
  list(
    filter?: DeadLetterFilter,
    page?: { readonly limit?: number; readonly cursor?: string },
  ): Promise<{ items: DeadLetter[]; nextCursor: string | null }>;
  /** With its payload, which may hold personal data. */
  get(id: string): Promise<(DeadLetter & { readonly data: unknown }) | undefined>;
  /** Has it tried again, as if it were new. `by` goes to the log. @returns false when there is no such dead letter, or it is too old. */
  replay(id: string, by?: string): Promise<boolean>;
  /** Has all that match tried again, spread over time at `perSecond`. @returns how many. */
  replayAll(filter: DeadLetterFilter, options?: { readonly perSecond?: number; readonly by?: string }): Promise<number>;
}

/** What a service can take without noticing. */
const DEFAULT_PER_SECOND = 50;

interface Row {
  readonly box: 'inbox' | 'outbox';
  readonly id: number;
  readonly consumer: string | null;
  readonly message_id: string;
  readonly type: string;
  readonly version: number;
  readonly key: string;
  readonly occurred_at: Date;
  readonly correlation_id: string;
  readonly attempts: number;
  readonly reason: string;
  readonly failed_at: Date;
  /** With all its digits, for the cursor. */
  readonly failed_at_text: string;
  readonly replays: number;
  readonly replayed_at: Date | null;
}

const columns = sql`box, id, consumer, message_id, type, version, key, occurred_at, correlation_id, attempts, reason, failed_at,
  failed_at::text as failed_at_text, replays, replayed_at`;

export interface DeadLettersOptions<Schema> {
  readonly database: Database<Schema>;
  readonly log: Logger;
  readonly longestReplayHours?: number;
}

/** The dead letters of one service's database; needs no running messaging. */
export function createDeadLetters<Schema>({
  database,
  log,
  longestReplayHours = defaultSettings.longestReplayHours,
}: DeadLettersOptions<Schema>): DeadLetters {
  const matching = ({ box, consumer, type, key }: DeadLetterFilter) => sql`
    (${box ?? null}::text is null or box = ${box ?? null}) and (${consumer ?? null}::text is null or consumer = ${consumer ?? null})
    and (${type ?? null}::text is null or type = ${type ?? null}) and (${key ?? null}::text is null or key = ${key ?? null})`;

  /** The rows that `where` finds in `dead_letters`, made due again. The same row runs again, so its own dedupe is untouched. */
  const replayWhere = (where: RawBuilder<unknown>, perSecond: number): Promise<{ box: string; id: number }[]> =>
    database.transaction(async (tx) => {
      const { rows } = await sql<{ box: string; id: number }>`
        with chosen as (
          select box, id, (row_number() over (order by occurred_at, box, id) - 1) / ${perSecond}::float8 * interval '1 s' as wait
          from dead_letters where ${where} and (box = 'inbox' or occurred_at > now() - ${longestReplayHours} * interval '1 h')
        ), handled as (
          update inbox set status = 'pending', attempts = 0, run_at = now() + wait, replays = replays + 1, replayed_at = now()
          from chosen where chosen.box = 'inbox' and inbox.id = chosen.id and inbox.status = 'dead'
          returning 'inbox' as box, inbox.id
        ), published as (
          update outbox set parked_at = null, attempts = 0, retry_at = now() + wait, replays = replays + 1, replayed_at = now()
          from chosen where chosen.box = 'outbox' and outbox.id = chosen.id and outbox.parked_at is not null
          returning 'outbox' as box, outbox.id
        )
        select box, id from handled union all select box, id from published`.execute(tx);
      if (rows.length > 0) await sql`select pg_notify('inbox', ''), pg_notify('outbox', '')`.execute(tx);
      return rows;
    });

  return {
    async list(filter = {}, { limit = 20, cursor } = {}) {
      const after = cursor === undefined ? undefined : readCursor(cursor);
      const { rows } = await sql<Row>`
        select ${columns} from dead_letters
        where ${matching(filter)} ${after ? sql`and (failed_at, box, id) < (${after[0]}::timestamptz, ${after[1]}, ${after[2]}::bigint)` : sql``}
        order by failed_at desc, box desc, id desc limit ${Math.min(Math.max(limit, 1), 100) + 1}`.execute(database.query);
      const page = rows.slice(0, Math.min(Math.max(limit, 1), 100));
      const last = rows.length > page.length ? page.at(-1) : undefined;
      return { items: page.map(toDeadLetter), nextCursor: last ? placeOf(last) : null };
    },

    async get(id) {
      const place = readId(id);
      if (place === undefined) return undefined;
      const { rows } = await sql<Row & { data: unknown }>`
        select ${columns}, data from dead_letters where box = ${place.box} and id = ${place.id}`.execute(database.query);
      return rows[0] && { ...toDeadLetter(rows[0]), data: rows[0].data };
    },

    async replay(id, by) {
      const place = readId(id);
      const replayed = place === undefined ? [] : await replayWhere(sql`box = ${place.box} and id = ${place.id}`, 1);
      if (replayed.length > 0) log.info({ deadLetter: id, by }, 'dead letter replayed');
      return replayed.length > 0;
    },

    async replayAll(filter, { perSecond = DEFAULT_PER_SECOND, by } = {}) {
      const { length: count } = await replayWhere(matching(filter), perSecond);
      log.info({ filter, perSecond, count, by }, 'dead letters replayed');
      return count;
    },
  };
}

const toDeadLetter = (row: Row): DeadLetter => ({
  id: `${row.box}-${row.id}`,
  box: row.box,
  ...(row.consumer === null ? {} : { consumer: row.consumer }),
  messageId: row.message_id,
  type: row.type,
  version: row.version,
  key: row.key,
  correlationId: row.correlation_id,
  occurredAt: row.occurred_at,
  failedAt: row.failed_at,
  attempts: row.attempts,
  reason: row.reason,
  replays: row.replays,
  ...(row.replayed_at === null ? {} : { replayedAt: row.replayed_at }),
  place: placeOf(row),
});

function readId(id: string): { box: string; id: string } | undefined {
  const [, box, number] = /^(inbox|outbox)-([1-9]\d{0,17})$/.exec(id) ?? [];
  return box !== undefined && number !== undefined ? { box, id: number } : undefined;
}

const placeOf = ({ failed_at_text, box, id }: Row): string => Buffer.from(JSON.stringify([failed_at_text, box, id])).toString('base64url');

const Cursor = Type.Tuple([
  Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d(\\.\\d+)?[+-][\\d:]+$' }),
  Type.String(),
  Type.Integer(),
]);

function readCursor(cursor: string): Static<typeof Cursor> {
  try {
    const read: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (findFault(Cursor, read) === undefined) return read as Static<typeof Cursor>;
  } catch {
    // falls through to the same answer
  }
  throw new AppError('invalid', 'invalid_cursor', { message: 'The cursor is not one that a page before gave.' });
}
