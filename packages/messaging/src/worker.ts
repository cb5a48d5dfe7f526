import type { Database } from '@stoa/postgres';
import type { Logger } from '@stoa/service';
import { backoffMs } from './backoff.ts';
import { type Handler, limitTransaction, runHandler } from './handling.ts';
import { countFailure, type InboxRow, markDone, nextDueMs, takeAny, takeOne, takeOrdered } from './inbox-rows.ts';
import { type Loop, startLoop } from './loop.ts';
import type { Observe } from './metrics.ts';
import type { Permits } from './permits.ts';
import type { MessagingSettings } from './settings.ts';
import { PermanentError } from './types.ts';

/** When others hold all that is due: soon enough to take over what a killed process held. */
const HELD_MS = 250;
const DATABASE_BACKOFF = { firstMs: 200, longestMs: 5_000 };

export interface WorkerOptions<Schema> {
  readonly handler: Handler<Schema>;
  readonly database: Database<Schema>;
  readonly permits: Permits;
  readonly log: Logger;
  readonly settings: MessagingSettings;
  readonly observe: Observe;
}

/**
 * Handles the rows of one consumer. Row locks say who has what, so a process that dies frees its rows at once. Several rows share a
 * transaction as long as none fails; if one does, all are rolled back and each runs alone, so that one bad row hurts no other.
 */
export function startWorker<Schema>({ handler, database, permits, log, settings, observe }: WorkerOptions<Schema>): Loop {
  const { name, ordered } = handler;
  let lastKey = '';

  async function take(tx: Parameters<typeof runHandler<Schema>>[1]): Promise<InboxRow[]> {
    if (!ordered) return takeAny(tx, name, settings.inboxBatch);
    // From key to key in turn, so that busy keys in front do not starve those behind.
    let rows = await takeOrdered(tx, name, settings.inboxBatch, lastKey);
    if (rows.length === 0 && lastKey !== '') rows = await takeOrdered(tx, name, settings.inboxBatch, '');
    lastKey = rows.reduce((last, { message }) => (message.key > last ? message.key : last), '');
    return rows;
  }

  /** Handles as many rows as time allows in one transaction. @returns the rows, and the error when all was rolled back. */
  async function handleTogether(stopping: AbortSignal): Promise<{ rows: readonly InboxRow[]; error?: unknown }> {
    let rows: readonly InboxRow[] = [];
    try {
      const timings: number[] = [];
      await database.transaction(async (tx) => {
        await limitTransaction(tx, settings.handlerTimeoutMs);
        rows = await take(tx);
        const done: number[] = [];
        const enough = performance.now() + settings.inboxBatchMs;
        for (const row of rows) {
          const startedAt = performance.now();
          if (startedAt > enough || stopping.aborted) break;
          await runHandler(handler, tx, row, settings.handlerTimeoutMs);
          timings.push(performance.now() - startedAt);
          done.push(row.id);
        }
        if (done.length > 0) await markDone(tx, done);
      });
      for (const ms of timings) observe.handled(name, ms);
      return { rows };
    } catch (error) {
      if (rows.length === 0) throw error;
      return { rows, error };
    }
  }

  async function handleAlone({ id }: InboxRow): Promise<void> {
    let row: InboxRow | undefined;
    try {
      const startedAt = performance.now();
      await database.transaction(async (tx) => {
        await limitTransaction(tx, settings.handlerTimeoutMs);
        row = await takeOne(tx, id, ordered);
        if (row === undefined) return;
        await runHandler(handler, tx, row, settings.handlerTimeoutMs);
        await markDone(tx, [id]);
      });
      if (row !== undefined) observe.handled(name, performance.now() - startedAt);
    } catch (error) {
      if (row === undefined) throw error;
      await fail(row, error);
    }
  }

  /** Counts the failure in a transaction of its own. When even that fails the database is away: nothing is counted, all comes again. */
  async function fail({ id, attempts: before, message }: InboxRow, error: unknown): Promise<void> {
    const attempts = before + 1;
    const dead = error instanceof PermanentError || attempts >= settings.handleAttempts;
    await countFailure(database.query, id, describe(error), backoffMs(settings.backoff, attempts), dead);
    observe.failed(name);
    const details = { err: error, consumer: name, messageId: message.id, attempts, correlationId: message.correlationId };
    if (dead) log.error(details, 'message is dead');
    else log.warn(details, 'message failed, will try again');
  }

  async function round(stopping: AbortSignal): Promise<number> {
    const { rows, error } = await handleTogether(stopping);
    if (rows.length === 1 && error !== undefined) await fail(rows[0] as InboxRow, error);
    else if (error !== undefined) {
      for (const row of rows) if (!stopping.aborted) await handleAlone(row);
    }
    return rows.length;
  }

  return startLoop({
    async step(stopping) {
      const handled = await permits.with(() => round(stopping));
      if (handled > 0) return 0;
      const next = await nextDueMs(database.query, name, ordered);
      return Math.min(settings.pollMs, next === undefined ? settings.pollMs : Math.max(next, next < 0 ? HELD_MS : 1));
    },
    onFailure(error, failures) {
      log.warn({ err: error, consumer: name }, 'worker cannot reach the inbox, will try again');
      return backoffMs(DATABASE_BACKOFF, failures);
    },
  });
}

/** For people who look at a dead letter; Postgres holds no NUL in a text. */
function describe(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.replaceAll('\0', '').slice(0, 2_000);
}
