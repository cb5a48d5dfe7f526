import type { Database } from '@stoa/postgres';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';

interface Left {
  readonly box: string;
  readonly who: string;
  readonly state: string;
  readonly count: number;
  readonly reason: string | null;
}

/**
 * For the end of a test: resolves when nothing is left to do for the messaging of these databases. Jobs that are meant for later may stay.
 * @throws Error after `timeoutMs`, telling what is left: unsent, parked, pending or dead.
 */
export async function drained(databases: readonly Pick<Database<unknown>, 'query'>[], { timeoutMs = 5_000 } = {}): Promise<void> {
  await eventually(
    async () => {
      const left = (await Promise.all(databases.map(findLeft))).flat();
      if (left.length === 0) return;
      throw new Error(`messages are left:\n${left.map(({ box, who, state, count, reason }) => `  ${box} ${who}: ${count} ${state}${reason ? ` (${reason})` : ''}`).join('\n')}`);
    },
    { timeoutMs },
  );
}

async function findLeft({ query }: Pick<Database<unknown>, 'query'>): Promise<Left[]> {
  const { rows } = await sql<Left>`
    select 'outbox' as box, type as who, case when parked_at is null then 'unsent' else 'parked' end as state, count(*)::integer as count, max(reason) as reason
    from outbox where sent_at is null group by 1, 2, 3
    union all
    select 'inbox', consumer, status, count(*)::integer, max(reason)
    from inbox where status = 'dead' or (status = 'pending' and (attempts > 0 or run_at <= now())) group by 1, 2, 3
    order by 1, 2, 3`.execute(query);
  return rows;
}
