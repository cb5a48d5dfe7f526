import type { Database } from '@stoa/postgres';
import { AppError, findFault, type Logger } from '@stoa/service';
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { type Static, Type } from 'typebox';
import { INBOX_CHANNEL } from './inbox.ts';
import { OUTBOX_CHANNEL, REPLAYED } from './outbox.ts';
import { defaultSettings } from './settings.ts';
import { adoptAside } from './waiting-rows.ts';

/** Where a dead letter lies. */
export const DEAD_LETTER_BOXES = ['inbox', 'outbox', 'tasks'] as const;
type Box = (typeof DEAD_LETTER_BOXES)[number];

/** A message that could not be published (`outbox`, parked) or handled (`inbox`, dead), or a task that was given up (`tasks`, dead). */
export interface DeadLetter {
  /** `inbox-17`, `outbox-4`, `tasks-2`. */
  readonly id: string;
  readonly box: Box;
  /** The consumer that could not handle it; a job is `job:<name>`, a task `task:<kind>`; absent in the outbox. */
  readonly consumer?: string;
  /** The subscriber that it could not be published to; only in the outbox. */
  readonly subscriber?: string;
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
  readonly box?: Box;
  readonly consumer?: string;
  readonly type?: string;
  readonly key?: string;
}

/** One time that dead letters were tried again, as the database keeps it. */
export interface Replay {
  readonly at: Date;
  /** The requester. */
  readonly by: string;
  /** What was asked for; `{ id }` for a single letter. */
  readonly filter: Readonly<Record<string, string>>;
  readonly ratePerSecond: number;
  /** How many letters it moved. */
  readonly replayed: number;
}

export interface ReplayOptions {
  /** How many per second are tried again at most; 50 by default. */
  readonly ratePerSecond?: number;
  /** Kept with the replay. */
  readonly by?: string;
}

/** How far a replay has come. */
export interface ReplayProgress {
  /** Its number, to go on with it. */
  readonly replay: number;
  /** How many letters it has moved so far. */
  readonly replayed: number;
  readonly isFinished: boolean;
}

export interface DeadLetters {
  /** Newest failure first. `limit` 1–100, default 20; `cursor` from the page before, or an item's `place`. @throws AppError `invalid_cursor`. */
  list(
    filter?: DeadLetterFilter,
    page?: { readonly limit?: number; readonly cursor?: string },
  ): Promise<{ items: DeadLetter[]; nextCursor: string | null }>;
  /** With its payload, which may hold personal data, and the last replay that did not help it. */
  get(id: string): Promise<(DeadLetter & { readonly data: unknown; readonly lastReplay: Replay | undefined }) | undefined>;
  /** Replays it, as if it were new. @returns false when there is no such dead letter, or it is too old. */
  replay(id: string, by?: string): Promise<boolean>;
  /** Replays all that match and are dead by now, oldest first, in batches. @returns how many. */
  replayAll(filter: DeadLetterFilter, options?: ReplayOptions): Promise<number>;
  /** The first batch of such a replay, for callers that wait only so long. */
  beginReplay(filter: DeadLetterFilter, options?: ReplayOptions): Promise<ReplayProgress>;
  /** Its next batch. @returns undefined when there is no such replay. */
  continueReplay(replay: number): Promise<ReplayProgress | undefined>;
}

/** What a service can take without noticing. */
const DEFAULT_PER_SECOND = 50;
/** Letters that one transaction moves: it holds their locks for a part of a second. */
const BATCH = 2_000;

interface Row {
  readonly box: Box;
  readonly id: number;
  readonly consumer: string | null;
  readonly subscriber: string | null;
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

const columns = sql`box, id, consumer, subscriber, message_id, type, version, key, occurred_at, correlation_id, attempts, reason, failed_at,
  failed_at::text as failed_at_text, replays, replayed_at`;

const columnsOfView = sql`box, id, consumer, message_id, type, version, key, occurred_at, correlation_id, attempts, reason, failed_at, replays, replayed_at,
  data, replay_id, subscriber`;

interface OpenReplay {
  readonly id: number;
  readonly requested_at: Date;
  readonly requested_by: string;
  readonly filter: DeadLetterFilter;
  readonly per_second: number;
  readonly replayed: number;
  readonly finished_at: Date | null;
}

interface Moved {
  /** Of those that matched, at most a batch. */
  readonly chosen: number;
  /** Without what another process had moved meanwhile. */
  readonly moved: number;
}

/** A table beside outbox and inbox that has dead letters. */
export interface DeadLetterSource {
  readonly box: Exclude<Box, 'inbox' | 'outbox'>;
  /** Notified when some are to be tried again. */
  readonly channel: string;
  /** A select of them, with the columns of the view `dead_letters`. */
  readonly rows: RawBuilder<unknown>;
  /** An update that has those in `due (box, id, at)` tried again at their time, and returns a row for each. */
  replay(replay: number): RawBuilder<unknown>;
}

/** When its next letter has its turn. */
const turnOf = ({ id }: OpenReplay) => sql`(
  select greatest(now(), coalesce(next_at, requested_at + replayed / per_second * interval '1 s')) from dead_letter_replays where id = ${id})`;

/** With all its digits, which a `Date` has not. */
const beginOf = ({ id }: OpenReplay) => sql`(select requested_at from dead_letter_replays where id = ${id})`;

const openColumns = sql`id, requested_at, requested_by, filter, per_second, replayed, finished_at`;

export interface DeadLettersOptions<Schema> {
  readonly database: Database<Schema>;
  readonly log: Logger;
  readonly longestReplayHours?: number;
  /** Other tables of the database that have dead letters. */
  readonly sources?: readonly DeadLetterSource[];
}

/** The dead letters of one service's database; needs no running messaging. */
export function createDeadLetters<Schema>({
  database,
  log,
  longestReplayHours = defaultSettings.longestReplayHours,
  sources = [],
}: DeadLettersOptions<Schema>): DeadLetters {
  const letters = sql`(${sources.reduce((all, { rows }) => sql`${all} union all ${rows}`, sql`select ${columnsOfView} from dead_letters`)})`;
  const replayed = sources.map(({ box }) => sql.id(`replayed_${box}`));
  const replays = (replay: OpenReplay) =>
    sources.reduce((all, source, index) => sql`${all}, ${replayed[index]} as (${source.replay(replay.id)})`, sql``);
  const countReplayed = replayed.reduce((all, name) => sql`${all} + (select count(*) from ${name})`, sql``);
  const matching = ({ box, consumer, type, key }: DeadLetterFilter) => sql`
    (${box ?? null}::text is null or box = ${box ?? null}) and (${consumer ?? null}::text is null or consumer = ${consumer ?? null})
    and (${type ?? null}::text is null or type = ${type ?? null}) and (${key ?? null}::text is null or key = ${key ?? null})`;

  /**
   * Rows that `where` finds in `dead_letters` are made due again, each `1 / perSecond` after the one before, also after those of the batch
   * before. The same row runs again, so its own dedupe is untouched.
   */
  const move = async (tx: Transaction<Schema>, replay: OpenReplay, where: RawBuilder<unknown>): Promise<Moved> => {
    await adoptAside(tx);
    const { rows } = await sql<Moved>`
      with chosen as (
        select box, id, (row_number() over (order by occurred_at, box, id) - 1) / ${replay.per_second}::float8 as seconds
        from ${letters} as letters
        where ${where} and (box <> 'outbox' or occurred_at > now() - ${longestReplayHours} * interval '1 h')
        order by occurred_at, box, id limit ${BATCH}
      ), due as (
        select box, id, ${turnOf(replay)} + seconds * interval '1 s' as at from chosen
      ), handled as (
        update inbox set status = 'pending', attempts = 0, run_at = due.at, delayed = true, replays = replays + 1, replayed_at = now(), replay_id = ${replay.id}
        from due where due.box = 'inbox' and inbox.id = due.id and inbox.status = 'dead'
        returning 1
      ), published as (
        update outbox_waiting set parked_at = null, is_first = true, attempts = 0, retry_at = due.at, replays = replays + 1, replayed_at = now(),
          replay_id = ${replay.id}
        from due where due.box = 'outbox' and outbox_waiting.id = due.id and outbox_waiting.parked_at is not null
        returning outbox_id
      ), waiting as (
        update outbox set parked_at = null where id in (select outbox_id from published)
      )${replays(replay)}
      select (select count(*) from chosen)::int as chosen,
        ((select count(*) from handled) + (select count(*) from published)${countReplayed})::int as moved`.execute(tx);
    const [result = { chosen: 0, moved: 0 }] = rows;
    if (result.moved > 0) {
      database.afterCommit(tx, () => {
        database.notify(INBOX_CHANNEL);
        database.notify(OUTBOX_CHANNEL, REPLAYED);
        for (const { channel } of sources) database.notify(channel);
      });
    }
    return result;
  };

  const open = async (db: Kysely<Schema>, by: string, filter: object, perSecond: number): Promise<OpenReplay> => {
    const { rows } = await sql<OpenReplay>`
      insert into dead_letter_replays (requested_by, filter, per_second) values (${by}, ${JSON.stringify(filter)}, ${perSecond})
      returning ${openColumns}`.execute(db);
    return rows[0] as OpenReplay;
  };

  const count = (db: Kysely<Schema>, replay: OpenReplay, { chosen, moved }: Moved, isFinished: boolean) =>
    sql`
    update dead_letter_replays set replayed = replayed + ${moved}, next_at = ${turnOf(replay)} + ${chosen} / per_second * interval '1 s',
      finished_at = case when ${isFinished} then now() end
    where id = ${replay.id}`.execute(db);

  /** Its next batch: what was dead when it began, so that what fails meanwhile is not taken again and again. */
  const goOn = (id: number): Promise<ReplayProgress | undefined> =>
    database.transaction(async (tx) => {
      const { rows } = await sql<OpenReplay>`select ${openColumns} from dead_letter_replays where id = ${id} for update`.execute(tx);
      const [replay] = rows;
      if (replay === undefined) return undefined;
      if (replay.finished_at !== null) return { replay: id, replayed: replay.replayed, isFinished: true };
      const batch = await move(tx, replay, sql`${matching(replay.filter)} and failed_at <= ${beginOf(replay)}`);
      const isFinished = batch.chosen < BATCH;
      await count(tx, replay, batch, isFinished);
      const replayed = replay.replayed + batch.moved;
      if (isFinished)
        log.info({ replay: id, filter: replay.filter, perSecond: replay.per_second, count: replayed }, 'dead letters replayed');
      return { replay: id, replayed, isFinished };
    });

  async function beginReplay(filter: DeadLetterFilter, { ratePerSecond = DEFAULT_PER_SECOND, by = 'system' }: ReplayOptions = {}) {
    const { id } = await open(database.query, by, filter, ratePerSecond);
    return (await goOn(id)) as ReplayProgress;
  }

  return {
    async list(filter = {}, { limit = 20, cursor } = {}) {
      const after = cursor === undefined ? undefined : readCursor(cursor);
      const { rows } = await sql<Row>`
        select ${columns} from ${letters} as letters
        where ${matching(filter)} ${after ? sql`and (failed_at, box, id) < (${after[0]}::timestamptz, ${after[1]}, ${after[2]}::bigint)` : sql``}
        order by failed_at desc, box desc, id desc limit ${Math.min(Math.max(limit, 1), 100) + 1}`.execute(database.query);
      const page = rows.slice(0, Math.min(Math.max(limit, 1), 100));
      const last = rows.length > page.length ? page.at(-1) : undefined;
      return { items: page.map(toDeadLetter), nextCursor: last ? placeOf(last) : null };
    },

    async get(id) {
      const place = readId(id);
      if (place === undefined) return undefined;
      const { rows } = await sql<Row & { data: unknown } & Partial<OpenReplay>>`
        select letters.*, last.requested_at, last.requested_by, last.filter, last.per_second, last.replayed
        from (select ${columns}, data, replay_id from ${letters} as each where box = ${place.box} and id = ${place.id}) as letters
        left join dead_letter_replays last on last.id = letters.replay_id`.execute(database.query);
      const [row] = rows;
      return row && { ...toDeadLetter(row), data: row.data, lastReplay: toReplay(row) };
    },

    async replay(id, by = 'system') {
      const place = readId(id);
      if (place === undefined) return false;
      const moved = await database.transaction(async (tx) => {
        const replay = await open(tx, by, { id }, DEFAULT_PER_SECOND);
        const batch = await move(tx, replay, sql`box = ${place.box} and id = ${place.id}`);
        if (batch.moved === 0) await sql`delete from dead_letter_replays where id = ${replay.id}`.execute(tx);
        else await count(tx, replay, batch, true);
        return batch.moved;
      });
      if (moved > 0) log.info({ deadLetter: id, by }, 'dead letter replayed');
      return moved > 0;
    },

    async replayAll(filter, options) {
      let progress = await beginReplay(filter, options);
      while (!progress.isFinished) progress = (await goOn(progress.replay)) ?? { ...progress, isFinished: true };
      return progress.replayed;
    },

    beginReplay,
    continueReplay: goOn,
  };
}

const toReplay = ({ requested_at, requested_by, filter, per_second, replayed }: Partial<OpenReplay>): Replay | undefined =>
  requested_at
    ? {
        at: requested_at,
        by: requested_by as string,
        filter: filter as Replay['filter'],
        ratePerSecond: per_second as number,
        replayed: replayed as number,
      }
    : undefined;

const toDeadLetter = (row: Row): DeadLetter => ({
  id: `${row.box}-${row.id}`,
  box: row.box,
  ...(row.consumer === null ? {} : { consumer: row.consumer }),
  ...(row.subscriber === null ? {} : { subscriber: row.subscriber }),
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
  const [, box, number] = /^(inbox|outbox|tasks)-([1-9]\d{0,17})$/.exec(id) ?? [];
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
  throw new AppError('invalid', 'invalid_cursor', { message: 'The cursor does not come from a previous page.' });
}
