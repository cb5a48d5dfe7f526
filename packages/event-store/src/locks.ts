import { setTimeout as delay } from 'node:timers/promises';
import { type Kysely, type RawBuilder, sql } from 'kysely';

/** Advisory locks of two numbers, the first of which is the purpose. */
const APPENDING = sql`20260101, 1`;
const STREAM = sql`20260102`;

/** How often a process that waits for open transactions polls. */
const POLL_EVERY_MS = 10;

/** Held by each transaction that appends, from before its events have positions until they are there for all to see. */
export const holdWhileAppending: RawBuilder<unknown> = sql`pg_advisory_xact_lock_shared(${APPENDING})`;

/** Waits until nobody appends, and keeps others from it until the end of the transaction. */
export async function keepFromAppending<Tables>(tx: Kysely<Tables>): Promise<void> {
  await sql`select pg_advisory_xact_lock(${APPENDING})`.execute(tx);
}

/** Those that ask for the same stream get it one after the other, in the order they asked. */
export async function takeTurn<Tables>(tx: Kysely<Tables>, stream: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(${STREAM}, hashtext(${stream}))`.execute(tx);
}

/**
 * The position up to which no event can appear any more. Positions are given before the commit, so that an event may appear after one with
 * a higher position: a transaction with one up to the last has the lock by then, and is waited for; a later one gets a higher one.
 */
export async function settledPosition<Tables>(db: Kysely<Tables>, signal?: AbortSignal): Promise<number> {
  const { rows } = await sql<{ last: number }>`
    select case when is_called then last_value else 0 end as last from events_position_seq`.execute(db);
  let appending = await findAppending(db);
  while (appending.length > 0) {
    await delay(POLL_EVERY_MS, undefined, signal && { signal });
    const still = new Set(await findAppending(db));
    appending = appending.filter((transaction) => still.has(transaction));
  }
  return (rows[0] as (typeof rows)[0]).last;
}

/** The other transactions that append now. */
async function findAppending<Tables>(db: Kysely<Tables>): Promise<string[]> {
  const { rows } = await sql<{ virtualtransaction: string }>`
    select virtualtransaction from pg_locks
    where locktype = 'advisory' and (classid, objid, objsubid) = (${APPENDING}, 2) and mode = 'ShareLock' and granted
      and database = (select oid from pg_database where datname = current_database()) and pid <> pg_backend_pid()`.execute(db);
  return rows.map(({ virtualtransaction }) => virtualtransaction);
}
