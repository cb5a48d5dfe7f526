import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '@stoa/postgres';
import { AppError } from '@stoa/service';
import { sql, type Transaction } from 'kysely';
import type { EventRows } from './event-rows.ts';
import { keepFromAppending, settledPosition } from './locks.ts';
import { analyzeShadows, inShadows, makeShadows, planShadows, swapShadows } from './shadow-tables.ts';
import type { DomainEvent, Projection } from './types.ts';

/** How long the swap waits for open appends, and then for readers: others wait behind it for as long. */
const LOCK_WAIT_MS = 250;
/** What came since the rest was projected. Where it is more, it is not done while others wait. */
const MOST_LAST_BATCHES = 2;
/** Of each statement while appends wait: a request that appends gives up after 2 s. */
const SWAP_STATEMENT_MS = 500;
/** Ten minutes in all, where a session holds the tables, as a dump does. */
const SWAP_ATTEMPTS = 75;
const pauseAfter = (attempt: number): number => Math.min(attempt * 500, 10_000);

export interface RebuildProgress {
  /** Projected so far, those of earlier runs included. */
  readonly events: number;
  /** Of the last one. */
  readonly position: number;
  /** Of the last one that was there at the last poll. */
  readonly lastPosition: number;
}

export interface RebuildOptions {
  readonly signal?: AbortSignal;
  onProgress?(progress: RebuildProgress): void;
}

interface RebuildDeps<E extends DomainEvent, Tables> {
  readonly database: Database<Tables>;
  readonly rows: EventRows<E>;
  readonly projection: Projection<E, Tables>;
}

interface Rebuild {
  readonly version: number;
  readonly shape: string;
  readonly position: number;
  readonly events: number;
}

/** `finished`: the tables have been swapped, by this run or by another. `busy`: others did not let go of them. */
type Step = 'more' | 'caught-up' | 'finished' | 'busy';

/**
 * Projects all events into shadow tables, batch by batch, each with its position in one transaction; these then take the place of the
 * tables in use. Goes on where an earlier run was stopped; several at once take turns.
 */
export async function rebuildProjection<E extends DomainEvent, Tables>(
  { database, rows, projection }: RebuildDeps<E, Tables>,
  { signal, onProgress }: RebuildOptions,
): Promise<void> {
  const { name, version, tables } = projection;

  const otherVersion = (at: Rebuild) =>
    new Error(`the projection ${name} is being rebuilt by its version ${at.version}: this is ${version}`);

  /** The process that has the row has the turn. */
  async function takeRow(tx: Transaction<Tables>): Promise<Rebuild | undefined> {
    const found = await sql<Rebuild>`
      select version, shape, position, events from projection_rebuilds where projection = ${name} for update`.execute(tx);
    return found.rows[0];
  }

  async function begin(tx: Transaction<Tables>): Promise<void> {
    await sql`insert into projection_rebuilds (projection, version, shape) values (${name}, 0, '') on conflict do nothing`.execute(tx);
    const known = await takeRow(tx);
    // An older copy of the service does not undo what a newer one has projected.
    if (known !== undefined && known.version > version) throw otherVersion(known);
    const shadows = await planShadows(tx, tables);
    if (known?.version === version && known.shape === shadows.shape && shadows.areThere) return;
    await makeShadows(tx, tables, shadows);
    await sql`
      update projection_rebuilds set version = ${version}, shape = ${shadows.shape}, position = 0, events = 0, started_at = now()
      where projection = ${name}`.execute(tx);
  }

  async function projectNext(tx: Transaction<Tables>, upTo?: number): Promise<Step> {
    const at = await takeRow(tx);
    if (at === undefined) return 'finished';
    if (at.version !== version) throw otherVersion(at);
    const { events, more } = await rows.ofAll(tx, at.position, upTo);
    if (events.length > 0) {
      const position = events.at(-1)?.position ?? at.position;
      const progress = { events: at.events + events.length, position, lastPosition: upTo ?? position };
      await inShadows(tx, () => projection.project(tx, events));
      await sql`update projection_rebuilds set position = ${position}, events = ${progress.events} where projection = ${name}`.execute(tx);
      database.afterCommit(tx, () => onProgress?.(progress));
    }
    return more ? 'more' : 'caught-up';
  }

  async function catchUp(): Promise<Step> {
    const upTo = await settledPosition(database.query, signal);
    for (;;) {
      signal?.throwIfAborted();
      const step = await database.transaction((tx) => projectNext(tx, upTo));
      if (step !== 'more') return step;
    }
  }

  /** While nobody appends, so that all there is has settled. */
  async function swap(tx: Transaction<Tables>): Promise<Step> {
    await sql`select set_config('lock_timeout', ${`${LOCK_WAIT_MS}`}, true)`.execute(tx);
    await keepFromAppending(tx);
    await sql`select set_config('statement_timeout', ${`${SWAP_STATEMENT_MS}`}, true)`.execute(tx);
    let step = await projectNext(tx);
    for (let batch = 1; step === 'more' && batch < MOST_LAST_BATCHES; batch += 1) step = await projectNext(tx);
    if (step !== 'caught-up') return step;
    const { shape } = await planShadows(tx, tables);
    if (shape !== (await takeRow(tx))?.shape) throw new Error(`a migration has changed the tables of the projection ${name}: run it again`);
    await swapShadows(tx, tables);
    await sql`delete from projection_rebuilds where projection = ${name}`.execute(tx);
    return 'finished';
  }

  await database.transaction(begin);
  await catchUp();
  await database.transaction(async (tx) => {
    if ((await takeRow(tx)) !== undefined) await analyzeShadows(tx, tables);
  });
  for (let attempt = 1; attempt <= SWAP_ATTEMPTS; attempt += 1) {
    if ((await catchUp()) === 'finished') return;
    const step = await database.transaction(swap).catch(unlessBusy);
    if (step === 'finished') return;
    if (step === 'busy') await delay(pauseAfter(attempt), undefined, signal && { signal });
  }
  throw new Error(
    `the tables of the projection ${name} are in use all the time, or events come faster than they are projected: run it again`,
  );
}

/** A lock that was not given in time, or a statement that took too long while others waited: SQLSTATE `query_canceled`. */
const unlessBusy = (error: unknown): Step => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === '57014' || (error instanceof AppError && code === 'database_busy')) return 'busy';
  throw error;
};
