import { type Kysely, sql } from 'kysely';

/**
 * The messages that a consumer was ever given. A message is registered when it is accepted, by the statement that makes its row of the
 * inbox: written only when it is handled, an accept that began before would wait for that commit, and then take the message for new.
 */

/** A lock that is not to be had in this time is tried again with the next poll: nothing else is to queue up behind us. */
const LOCK_MS = 200;
const SLOTS = 12;
const BATCH = 1_000;
const LOCK_NOT_AVAILABLE = 'database_busy';

/** Registers an id that a consumer is given: the part of a statement that has a row with `message_id` when it was not given it before. */
export const registerOnce = (id: string, consumer: string) => sql`
  insert into inbox_seen (slot, message_id, consumer) values (inbox_slot(${id}), ${id}, ${consumer})
  on conflict do nothing returning message_id`;

/** Registers rows of the inbox that have not been: those of an earlier version. */
export const registerRows = <Schema>(db: Kysely<Schema>, ids: readonly number[]) =>
  sql`
    insert into inbox_seen (slot, message_id, consumer, seen_at)
    select inbox_slot(message_id), message_id, consumer, coalesce(done_at, clock_timestamp()) from inbox
    where id = any(${ids}::bigint[]) and not registered order by message_id, consumer
    on conflict do nothing`.execute(db);

/** Takes a batch of rows away that an earlier version handled, and registers them. @returns whether there may be more. */
export async function sweepHandled<Schema>(db: Kysely<Schema>): Promise<boolean> {
  return await db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ id: number }>`
      select id from inbox where status = 'done' order by done_at limit ${BATCH} for update skip locked`.execute(tx);
    const ids = rows.map(({ id }) => id);
    if (ids.length === 0) return false;
    // In this order: an accept of the same message waits here, instead of for a row that is going.
    await registerRows(tx, ids);
    await sql`delete from inbox where id = any(${ids}::bigint[])`.execute(tx);
    return ids.length === BATCH;
  });
}

/** Forgets what was registered so many hours ago, by whole slots. @returns whether there may be more. */
export async function forgetSeen<Schema>(db: Kysely<Schema>, hours: number): Promise<boolean> {
  const old = sql`clock_timestamp() - ${hours} * interval '1 h'`;
  // The newest id is enough for most: the others are checked only where it is old.
  const { rows } = await sql<{ slot: number }>`
    select slot from generate_series(0, ${SLOTS - 1}) as slots (slot)
    where case when (select seen_at from inbox_seen where inbox_seen.slot = slots.slot order by message_id desc, consumer desc limit 1) < ${old}
      then not exists (select from inbox_seen where inbox_seen.slot = slots.slot and seen_at >= ${old}) else false end`.execute(db);
  for (const { slot } of rows) await emptySlot(db, slot, hours);
  const { numAffectedRows = 0n } = await sql`
    delete from inbox_seen where slot = -1 and (message_id, consumer) in (
      select message_id, consumer from inbox_seen where slot = -1 and seen_at < ${old}
      order by seen_at limit ${BATCH} for update skip locked)`.execute(db);
  return numAffectedRows === BigInt(BATCH);
}

/** Unless it has become younger meanwhile, or a session reads all tables, as a dump does. */
async function emptySlot<Schema>(db: Kysely<Schema>, slot: number, hours: number): Promise<void> {
  const table = sql.table(`inbox_seen_${slot}`);
  try {
    await db.transaction().execute(async (tx) => {
      await sql`select set_config('lock_timeout', ${`${LOCK_MS}ms`}, true)`.execute(tx);
      await sql`lock table ${table} in access exclusive mode`.execute(tx);
      const { rows } = await sql`select from ${table} where seen_at >= clock_timestamp() - ${hours} * interval '1 h' limit 1`.execute(tx);
      if (rows.length === 0) await sql`truncate ${table}`.execute(tx);
    });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE)) throw error;
  }
}
