import { type Kysely, sql } from 'kysely';

/**
 * Where a poll of the inbox begins, for each consumer of a process. What was handled leaves entries behind in the indexes until a vacuum
 * takes them, which a dump, or any other long snapshot, puts off for hours: a poll from the beginning would walk over all of them.
 */
export interface Mark {
  /** No row that is due from its beginning, and waits, has a smaller id. */
  readonly id: number;
  /** No row with a time of its own waits for an earlier one, in seconds of the epoch. */
  readonly at: number;
}

export const BEGINNING: Mark = { id: 0, at: 0 };

/** Notes are at least so far apart: what has its id or time but no transaction number yet when one is taken has both by the next. */
const NOTE_MS = 1_000;
/** More than lies between two polls: a clock that is set back by more is seen by the next one, and by less does no harm. */
const MARGIN_SECONDS = 10;
/** A transaction that is open for longer holds the mark up no more. */
const PATIENCE_MS = 300_000;
/** The safety net for all of this: how often a poll starts from the beginning, for a thousandth of the time at most. */
const FULL_LOOK_MS = 60_000;
const FULL_LOOK_SHARE = 1_000;

/** What one consumer has to do. */
export interface Look {
  /** A row is due, whether or not a worker holds it. */
  readonly isDue: boolean;
  /** Until the next row is due that is not due yet. */
  readonly nextMs: number | undefined;
  /** How long the oldest due row has waited. */
  readonly overdueSeconds: number;
  /** Rows were found below the mark: the next poll begins with them. */
  readonly isLowered: boolean;
}

/** What the database looked like at one moment: no transaction had a number from `next` on. */
interface Note {
  readonly id: number;
  readonly at: number;
  readonly next: bigint;
  readonly taken: number;
}

interface State {
  mark: Mark;
  /** The last note, and the one that becomes the mark once all transactions have ended that were under way after it. */
  last?: Note;
  pending?: Note;
  /** When the next poll is to start from the beginning. */
  fullAt: number;
  lookedAt: number;
}

interface Columns {
  readonly consumer: string;
  readonly clock: number;
  readonly last_id: number;
  readonly oldest: string;
  readonly next: string;
  readonly fresh_id: number | null;
  readonly fresh_at: number | null;
  readonly delayed_at: number | null;
  readonly next_at: number | null;
}

/** Rows of a consumer that are due from the moment they are there, in the order of their ids. */
export const fresh = sql`status = 'pending' and not delayed and attempts = 0 and replays = 0`;
/** Rows with a time of their own. */
export const delayed = sql`status = 'pending' and (delayed or attempts > 0 or replays > 0)`;

/** The number that the next transaction gets. A snapshot ends at the last one that is over, and others with higher numbers may be under way. */
const nextTransaction = sql`(pg_snapshot_xmax(pg_current_snapshot())::text::bigint
  + age(pg_snapshot_xmax(pg_current_snapshot())::xid))::text`;

export type Marks = ReturnType<typeof createMarks>;

export function createMarks<Schema>(db: Kysely<Schema>, now: () => number = () => performance.now()) {
  const states = new Map<string, State>();
  const stateOf = (consumer: string): State => {
    const state = states.get(consumer) ?? { mark: BEGINNING, fullAt: Number.NEGATIVE_INFINITY, lookedAt: Number.NEGATIVE_INFINITY };
    states.set(consumer, state);
    return state;
  };

  return {
    of: (consumer: string): Mark => stateOf(consumer).mark,
    /** Whether a mark may have come up by now. */
    isOld: (consumer: string): boolean => now() - stateOf(consumer).lookedAt >= NOTE_MS,

    /** Polls the queues of these consumers, in one statement, and moves their marks. */
    async look(consumers: readonly string[]): Promise<ReadonlyMap<string, Look>> {
      const time = now();
      const from = consumers.map((consumer) => {
        const { mark, fullAt } = stateOf(consumer);
        return time < fullAt ? mark : BEGINNING;
      });
      const { rows } = await sql<Columns>`
        select consumer, extract(epoch from clock_timestamp())::float8 as clock, case when is_called then last_value else 0 end as last_id,
          pg_snapshot_xmin(pg_current_snapshot())::text as oldest, ${nextTransaction} as next,
          first.id as fresh_id, extract(epoch from first.run_at)::float8 as fresh_at,
          extract(epoch from early.run_at)::float8 as delayed_at, extract(epoch from later.run_at)::float8 as next_at
        from unnest(${consumers}::text[], ${from.map(({ id }) => id)}::bigint[], ${from.map(({ at }) => at)}::float8[]) as mark (consumer, id, at)
        cross join inbox_id_seq
        left join lateral (
          select id, run_at from inbox where inbox.consumer = mark.consumer and inbox.id >= mark.id and ${fresh} order by id limit 1) as first on true
        left join lateral (
          select run_at from inbox where inbox.consumer = mark.consumer and run_at >= to_timestamp(mark.at) and ${delayed}
          order by run_at limit 1) as early on true
        left join lateral (
          select run_at from inbox where inbox.consumer = mark.consumer and run_at > greatest(now(), to_timestamp(mark.at)) and ${delayed}
          order by run_at limit 1) as later on true`.execute(db);
      const looks = rows.map((row) => {
        const state = stateOf(row.consumer);
        if (time >= state.fullAt) state.fullAt = time + Math.max(FULL_LOOK_MS, FULL_LOOK_SHARE * (now() - time));
        return [row.consumer, { ...lookOf(row), isLowered: move(state, row, time) }] as const;
      });
      return new Map(looks);
    },
  };
}

const lookOf = ({ clock, fresh_id, fresh_at, delayed_at, next_at }: Columns): Omit<Look, 'isLowered'> => {
  const delayedFor = delayed_at === null ? -1 : clock - delayed_at;
  return {
    isDue: fresh_id !== null || delayedFor >= 0,
    nextMs: next_at === null ? undefined : Math.max(0, (next_at - clock) * 1_000),
    overdueSeconds: Math.max(0, delayedFor, fresh_at === null ? 0 : clock - fresh_at),
  };
};

/** @returns whether it went down. */
function move(state: State, row: Columns, time: number): boolean {
  const before = state.mark;
  state.lookedAt = time;
  // The clock was set back, or the database is that of an older dump: nothing noted holds any more.
  if (state.last !== undefined && (row.clock < state.last.at || row.last_id < state.last.id)) {
    delete state.last;
    delete state.pending;
    state.fullAt = Number.NEGATIVE_INFINITY;
    state.mark = BEGINNING;
    return true;
  }
  const { pending } = state;
  const isSettled = pending !== undefined && (BigInt(row.oldest) >= pending.next || time - pending.taken > PATIENCE_MS);
  state.mark = {
    id: Math.min(Math.max(before.id, isSettled ? pending.id + 1 : 0), row.fresh_id ?? Number.POSITIVE_INFINITY),
    at: Math.min(Math.max(before.at, isSettled ? pending.at - MARGIN_SECONDS : 0), (row.delayed_at ?? Number.POSITIVE_INFINITY) - 0.001),
  };
  if (isSettled) delete state.pending;
  const next = BigInt(row.next);
  if (state.last === undefined || time - state.last.taken >= NOTE_MS) {
    // The ids and the clock of the note before were read before this snapshot was taken.
    if (state.last !== undefined) state.pending ??= { ...state.last, next, taken: time };
    state.last = { id: row.last_id, at: row.clock, next, taken: time };
  }
  return state.mark.id < before.id || state.mark.at < before.at;
}
