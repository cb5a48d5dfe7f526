import { type Kysely, sql } from 'kysely';
import { createHorizon } from './horizon.ts';

/** Counting stops here: whether ten thousand wait or a million, the age shows how bad it is. */
export const MOST_COUNTED = 10_000;
/** How often everything is read once more: what was parked may wait again. */
const FULL_LOOK_MS = 60_000;

/** What waits to leave the outbox, to all or to some of its subscribers. */
export interface Unsent {
  /** Counted up to `MOST_COUNTED`. */
  readonly count: number;
  /** How long the oldest of them waits. */
  readonly oldestSeconds: number;
}

/** Reads what waits to leave, from a mark on: below it nothing waits, and a poll costs the same whatever has gone through. */
export function createUnsent<Schema>(db: Kysely<Schema>, clock: () => number = () => performance.now()): () => Promise<Unsent> {
  const horizon = createHorizon(db, clock);
  let mark = 0;
  let fullLookAt = 0;

  return async () => {
    const now = clock();
    if (now >= fullLookAt) {
      fullLookAt = now + FULL_LOOK_MS;
      mark = 0;
    }
    const reached = await horizon.id();
    const { rows } = await sql<Unsent & { first: number | null }>`
      select count(*)::integer as count, min(id) as first, coalesce(extract(epoch from now() - min(occurred_at)), 0)::float8 as "oldestSeconds"
      from (
        select id, occurred_at from outbox where id > ${mark} and sent_at is null and parked_at is null order by id limit ${MOST_COUNTED}
      ) as unsent`.execute(db);
    const { count, oldestSeconds, first } = rows[0] as (typeof rows)[0];
    mark = Math.max(mark, Math.min(reached, (first ?? Number.POSITIVE_INFINITY) - 1));
    return { count, oldestSeconds };
  };
}
