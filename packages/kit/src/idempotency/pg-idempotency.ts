import type { IdempotencyStore } from '@stoa/http';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { Tables } from '../tables.generated.ts';

/** The store, and what ends its keys. */
export interface PgIdempotency extends IdempotencyStore {
  /** Removes up to `limit` keys that expired by `before`, the oldest first. @returns how many. */
  prune(before: Date, limit: number): Promise<number>;
}

interface Row extends Pick<Selectable<Tables['idempotency_keys']>, 'makes' | 'answer'> {
  readonly is_mine: boolean;
  readonly is_same: boolean;
}

/**
 * Idempotency keys in the service's own database: adapter of the port `IdempotencyStore` of `@stoa/http`. Each operation is one
 * statement, so that copies of the service need no lock.
 */
export function createPgIdempotency<Schema>(db: Kysely<Schema>): PgIdempotency {
  return {
    /** Writes the row in any case, as it was where it is not free: so the answer is what the statement itself saw last, not what a second one reads later. */
    async begin({ key, request, owner, reservedResourceId, now, leaseUntil, expiresAt }) {
      const { rows } = await sql<Row>`
        insert into idempotency_keys as known (key, request, owner, makes, lease_until, expires_at)
        values (${key}, ${request}, ${owner}, ${reservedResourceId}, ${leaseUntil}, ${expiresAt})
        on conflict (key) do update set (request, owner, makes, lease_until, answer, expires_at) = (
          select request, owner, makes, lease_until, answer, expires_at
          from (values
            (true, excluded.request, excluded.owner, case when known.expires_at <= ${now} then excluded.makes else known.makes end,
              excluded.lease_until, null, excluded.expires_at),
            (false, known.request, known.owner, known.makes, known.lease_until, known.answer, known.expires_at)
          ) as either (is_free, request, owner, makes, lease_until, answer, expires_at)
          where is_free = (known.expires_at <= ${now}
            or (known.answer is null and known.lease_until <= ${now} and known.request = excluded.request)))
        returning owner = ${owner} as is_mine, request = ${request} as is_same, makes, answer`.execute(db);
      const { is_mine, is_same, answer, makes: id } = rows[0] as (typeof rows)[0];
      if (is_mine) return { state: 'claimed', reservedResourceId: id };
      if (!is_same) return { state: 'other-request' };
      return answer === null ? { state: 'running' } : { state: 'answered', answer };
    },
    async finish(key, owner, answer) {
      await sql`update idempotency_keys set answer = ${answer} where key = ${key} and owner = ${owner} and answer is null`.execute(db);
    },
    async giveUp(key, owner, now) {
      await sql`
        update idempotency_keys set lease_until = least(lease_until, ${now})
        where key = ${key} and owner = ${owner} and answer is null`.execute(db);
    },
    async prune(before, limit) {
      const { numAffectedRows } = await sql`
        delete from idempotency_keys where key = any(array(
          select key from idempotency_keys where expires_at <= ${before}
          order by expires_at, key limit ${limit} for update skip locked))`.execute(db);
      return Number(numAffectedRows ?? 0);
    },
  };
}
