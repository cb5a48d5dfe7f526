import type { Database } from '@stoa/postgres';
import { type Logger, type Loop, type Semaphore, startLoop, traceIdOf } from '@stoa/service';
import type { Transaction } from 'kysely';
import { backoffMs } from './backoff.ts';
import { CRON_KEY } from './cron.ts';
import { type Handler, limitTransaction, runHandler } from './handling.ts';
import type { Look, Marks } from './inbox-marks.ts';
import { countFailure, forgetDead, giveBack, type InboxRow, lockOrder, remove, retake, takeAny, takeOrdered } from './inbox-rows.ts';
import type { LiveCopies } from './live-copies.ts';
import type { Observe } from './metrics.ts';
import type { MessagingSettings } from './settings.ts';
import { type Message, PermanentError } from './types.ts';

/** When others hold all that is due: soon enough to take over what a killed process held. */
const HELD_MS = 250;
const DATABASE_BACKOFF = { firstMs: 200, longestMs: 5_000 };

export interface WorkerOptions<Schema> {
  readonly handler: Handler<Schema>;
  readonly database: Database<Schema>;
  readonly semaphore: Semaphore;
  readonly marks: Marks;
  readonly copies: LiveCopies;
  readonly log: Logger;
  readonly settings: MessagingSettings;
  readonly observe: Observe;
}

/**
 * Handles the rows of one consumer. Row locks say who has what, so a process that dies frees its rows at once. Several rows share a
 * transaction as long as none fails; if one does, all are rolled back and as many are taken one by one, so that a bad row hurts no other.
 * A row that a process held when it died may have killed it: each such row is tried by itself, and counts as failed until it succeeds.
 */
export function startWorker<Schema>({ handler, database, semaphore, marks, copies, log, settings, observe }: WorkerOptions<Schema>): Loop {
  const { name, ordered, everySeconds = Number.POSITIVE_INFINITY, batch = settings.inboxBatch } = handler;
  /** Rows that are still to be taken one by one. */
  let alone = 0;
  /** Neither rows with a time of their own nor the others are to wait for each other. */
  let delayedFirst = false;

  /** @returns how many rows were taken; `undefined` when others hold them. */
  async function round(stopping: AbortSignal): Promise<number | undefined> {
    let taken: readonly InboxRow[] | undefined;
    let tried: readonly InboxRow[] = [];
    let suspect: InboxRow | undefined;
    try {
      const timings: number[] = [];
      await transaction(async (tx) => {
        delayedFirst = !delayedFirst;
        const limit = { rows: alone > 0 ? 1 : batch, bytes: settings.batchBytes, left: copies.leftTo(name) };
        taken = await (ordered ? takeOrdered : takeAny)(tx, name, limit, marks.of(name), delayedFirst);
        const rows = taken ?? [];
        if (rows.length > 1 && rows.some(({ isSuspect }) => isSuspect)) throw new SuspectsAmongOthers();
        if (rows[0]?.isSuspect) {
          suspect = rows[0];
          return await presumeFailed(tx, suspect);
        }
        const end = rows.findIndex(({ isWhole }) => !isWhole);
        tried = end < 0 ? rows : rows.slice(0, end);
        await handle(tx, tried, timings, stopping);
      });
      alone = Math.max(0, alone - Math.max(1, tried.length));
      for (const milliseconds of timings) observe.handled(name, milliseconds);
    } catch (error) {
      const rows: readonly InboxRow[] = taken ?? [];
      if (rows.length > 1) {
        alone = rows.length;
        await giveBack(
          database.query,
          rows.filter(({ isSuspect }) => !isSuspect).map(({ id }) => id),
        );
      } else alone = Math.max(0, alone - 1);
      const [first, second] = tried;
      if (first !== undefined && second === undefined) await fail(first, error);
      else if (rows.length < 2) throw error;
    }
    if (suspect && suspect.attempts < settings.handleAttempts) await tryAgain(suspect, stopping);
    return taken?.length;
  }

  const transaction = (work: (tx: Transaction<Schema>) => Promise<void>): Promise<void> =>
    database.transaction(async (tx) => {
      await limitTransaction(tx, settings.handlerTimeoutMs);
      await work(tx);
    });

  /** How often a cron enqueues such a message; infinite when it is no cron's. */
  const intervalMs = ({ key }: Message): number => (key === CRON_KEY ? everySeconds * 1_000 : Number.POSITIVE_INFINITY);

  /** Until the next try. A run of a cron waits for its interval at most, as no other run comes before it is over. */
  const waitMs = (message: Message, failures: number): number => Math.min(backoffMs(settings.backoff, failures), intervalMs(message));

  /** So that the failure counts even if the process does not live to count it. Its tries behind it, it is dead without one more. */
  async function presumeFailed(tx: Transaction<Schema>, { id, attempts: before, message }: InboxRow): Promise<void> {
    const isLast = before >= settings.handleAttempts;
    const attempts = isLast ? before : before + 1;
    const reason = 'the process that handled it ended';
    await countFailure(tx, id, { attempts, reason, waitMs: waitMs(message, attempts), isLast });
    const details = { consumer: name, messageId: message.id, attempts, reason };
    if (isLast) log.error(details, 'message is dead');
    // The first time most are only the neighbours of the one that did it.
    else log[before === 0 ? 'debug' : 'warn'](details, 'message may have ended a process, will be tried by itself');
  }

  /** Tries a row that is presumed to fail. */
  async function tryAgain(row: InboxRow, stopping: AbortSignal): Promise<void> {
    try {
      const timings: number[] = [];
      await transaction(async (tx) => {
        if (ordered) await lockOrder(tx, name);
        if (await retake(tx, row)) await handle(tx, [row], timings, stopping);
      });
      for (const milliseconds of timings) observe.handled(name, milliseconds);
    } catch (error) {
      await fail(row, error);
    }
  }

  /** Handles as many rows as time allows; the others are free again with the commit. */
  async function handle(tx: Transaction<Schema>, rows: readonly InboxRow[], timings: number[], stopping: AbortSignal): Promise<void> {
    const done: InboxRow[] = [];
    const enough = performance.now() + settings.inboxBatchMs;
    for (const row of rows) {
      const startedAt = performance.now();
      if (startedAt > enough || stopping.aborted) break;
      await runHandler(handler, tx, row, settings.handlerTimeoutMs);
      timings.push(performance.now() - startedAt);
      done.push(row);
    }
    if (done.length > 0) await remove(tx, done);
  }

  /** Counts the failure in a transaction of its own. When even that fails the database is away: nothing is counted, all comes again. */
  async function fail({ id, attempts: before, message }: InboxRow, error: unknown): Promise<void> {
    const attempts = before + 1;
    const isLast = error instanceof PermanentError || attempts >= settings.handleAttempts;
    await database.transaction(async (tx) => {
      if (ordered) await lockOrder(tx, name);
      await countFailure(tx, id, { attempts, reason: describe(error), waitMs: waitMs(message, attempts), isLast });
      // A cron that fails for days leaves one dead letter, its last.
      if (isLast && Number.isFinite(intervalMs(message))) await forgetDead(tx, name, CRON_KEY, id);
    });
    observe.failed(name);
    const { id: messageId, correlationId, traceparent } = message;
    const details = { err: error, consumer: name, messageId, attempts, correlationId, traceId: traceIdOf(traceparent) || undefined };
    if (isLast) log.error(details, 'message is dead');
    else log.warn(details, 'message failed, will try again');
  }

  return startLoop({
    async step(stopping) {
      const taken = await semaphore.with(() => round(stopping));
      const isBusy = taken !== undefined && taken > 0;
      if (isBusy && !marks.isOld(name)) return 0;
      const look = (await marks.look([name])).get(name) as Look;
      if (isBusy || look.isLowered) return 0;
      alone = 0;
      const isHeld = ordered ? taken === undefined : look.isDue;
      return Math.max(1, Math.min(settings.pollMs, look.nextMs ?? settings.pollMs, isHeld ? HELD_MS : settings.pollMs));
    },
    onFailure(error, failures) {
      log.warn({ err: error, consumer: name }, 'worker cannot reach the inbox, will try again');
      return backoffMs(DATABASE_BACKOFF, failures);
    },
  });
}

/** Ends a transaction without a commit, which would mean that all of its rows were given back. */
class SuspectsAmongOthers extends Error {}

/** For people who look at a dead letter; Postgres holds no NUL in a text. */
function describe(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.replaceAll('\0', '').slice(0, 2_000);
}
