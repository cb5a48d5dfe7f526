import { type Kysely, sql } from 'kysely';

/** Between two polls. A transaction has a number within moments after its row has an id: this is much longer. */
const PACE_MS = 1_500;

interface Look {
  readonly last: number;
  readonly xmin: string;
  readonly xmax: string;
}

/**
 * The id up to which no row can appear in the outbox any more. Ids are given before the commit, so that a row may come after one with a
 * higher id. A transaction with an id up to the last one of a poll has a transaction number by the next poll, and once all numbers of that
 * poll have ended, these rows are visible or never will be. A transaction that wrote something and stays open holds the horizon back.
 */
export function createHorizon<Schema>(db: Kysely<Schema>, clock: () => number = () => performance.now()) {
  let reached = 0;
  let lookedAt = Number.NEGATIVE_INFINITY;
  /** The last id of the previous poll. */
  let candidate: number | undefined;
  /** An id, and the number before which all transactions must have ended. */
  let waiting: { readonly id: number; readonly before: bigint } | undefined;

  async function look(): Promise<void> {
    const { rows } = await sql<Look>`
      select (select case when is_called then last_value else 0 end from outbox_id_seq) as last,
        pg_snapshot_xmin(snapshot)::text as xmin, pg_snapshot_xmax(snapshot)::text as xmax
      from pg_current_snapshot() as snapshot`.execute(db);
    const { last, xmin, xmax } = rows[0] as Look;
    if (waiting !== undefined && BigInt(xmin) >= waiting.before) {
      reached = Math.max(reached, waiting.id);
      waiting = undefined;
    }
    if (waiting === undefined && candidate !== undefined) waiting = { id: candidate, before: BigInt(xmax) };
    candidate = last;
  }

  return {
    /** Polls only now and then; its result holds for every statement that begins later. */
    async id(): Promise<number> {
      const now = clock();
      if (now - lookedAt >= PACE_MS) {
        lookedAt = now;
        await look();
      }
      return reached;
    },
  };
}

export type Horizon = ReturnType<typeof createHorizon>;
