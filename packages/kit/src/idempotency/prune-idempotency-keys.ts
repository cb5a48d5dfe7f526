import { job } from '@stoa/messaging';
import type { Clock } from '@stoa/service';
import type { Transaction } from 'kysely';
import { Type } from 'typebox';
import { createPgIdempotency } from './pg-idempotency.ts';

/** So many keys in a transaction: locks are held for a moment only. */
const BATCH = 1_000;

/** The job of every service that removes expired idempotency keys, a batch at a time until none is left. */
export const pruneIdempotencyKeys = <Tables>(clock: Clock) =>
  job({
    name: 'prune-idempotency-keys',
    data: Type.Object({}, { additionalProperties: false }),
    handle: async (tx: Transaction<Tables>) => ((await createPgIdempotency(tx).prune(clock.now(), BATCH)) === BATCH ? 'more' : undefined),
  });
