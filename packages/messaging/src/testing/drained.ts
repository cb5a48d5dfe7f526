import { eventually } from '@stoa/service/testing';
import { type Kysely, sql } from 'kysely';

interface Left {
  readonly box: string;
  readonly who: string;
  readonly state: string;
  readonly count: number;
  readonly reason: string | null;
}

/** A `Database` of any schema. */
interface Queryable {
  // biome-ignore lint/suspicious/noExplicitAny: Kysely is invariant in its schema
  readonly query: Kysely<any>;
}

/**
 * For the end of a test: resolves when nothing is left to do for the messaging of these databases. Jobs that are meant for later
 * may stay. What a bus holds between its databases is not seen: the local broker holds nothing.
 * @throws Error after 5 s, listing what is left: unsent, parked, pending or dead.
 */
export async function drained(...databases: readonly Queryable[]): Promise<void> {
  const probe = async (): Promise<void> => {
    const left = (await Promise.all(databases.map(findLeft))).flat();
    const lines = left.map(({ box, who, state, count, reason }) => `  ${box} ${who}: ${count} ${state}${reason ? ` (${reason})` : ''}`);
    if (lines.length > 0) throw new Error(`messages are left:\n${lines.join('\n')}`);
  };
  await eventually(probe, { timeoutMs: 5_000 });
}

/** By the clock when a row is read: `now()` is older than what was committed between it and the statement's snapshot. */
async function findLeft({ query }: Queryable): Promise<Left[]> {
  const { rows } = await sql<Left>`
    select 'outbox' as box, type as who, case when outbox.parked_at is null then 'unsent' else 'parked' end as state, count(*)::integer as count,
      (select max(reason) from outbox_waiting where outbox_id = min(outbox.id)) as reason
    from outbox where sent_at is null group by 1, 2, 3
    union all
    select 'inbox', consumer, status, count(*)::integer, max(reason)
    from inbox where status = 'dead' or (status = 'pending' and (attempts > 0 or run_at <= clock_timestamp())) group by 1, 2, 3
    order by 1, 2, 3`.execute(query);
  return rows;
}
