import type { Database } from '@stoa/postgres';
import type { Logger } from '@stoa/service';
import { type Backoff, backoffMs } from './backoff.ts';
import type { Broker, Rejection } from './broker.ts';
import { startLoop } from './loop.ts';
import { publishInSpans } from './message-spans.ts';
import { OUTBOX_CHANNEL } from './outbox.ts';
import { createOutboxRows, type OutboxRow } from './outbox-rows.ts';
import type { MessagingSettings } from './settings.ts';
import { type Asleep, createWaitingRoutes, type Route } from './waiting-routes.ts';

/** A bus that is away is asked again soon: it counts for nothing, and everybody waits for it. */
const BROKER_BACKOFF: Backoff = { firstMs: 100, longestMs: 10_000 };
/** Who has published nothing for so long gives the lead up: another process may reach the bus. */
const GIVE_UP_MS = 10_000;

interface Batch {
  /** What is to be sent now. */
  readonly ready: readonly OutboxRow[];
  /** Whether there was anything to do. */
  readonly found: boolean;
}

const NOTHING: Batch = { ready: [], found: false };

export interface RelayOptions<Schema> {
  readonly service: string;
  readonly database: Database<Schema>;
  readonly broker: Broker;
  readonly log: Logger;
  readonly instanceId: string;
  readonly settings: MessagingSettings;
  readonly published: (count: number) => void;
}

export interface Relay {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** What keeps messages from leaving, as far as this process, when it leads, knows. */
  trouble(): string | undefined;
}

/**
 * Carries the outbox to the bus, in one process at a time. A row is marked after the bus took it, so a crash in between
 * sends it again and the inbox ignores it. Of each key, a row leaves when the one before it was taken or parked.
 */
export function createRelay<Schema>({ service, database, broker, log, instanceId, settings, published }: RelayOptions<Schema>): Relay {
  const rows = createOutboxRows(service, database.query);
  const limit = { rows: settings.relayBatch, bytes: settings.batchBytes, hours: settings.sendWithinHours };
  const waiting = createWaitingRoutes(log);
  let failure: { readonly reason: string; readonly since: number } | undefined;
  let wake = (): void => {};
  const stops: (() => Promise<void>)[] = [];

  async function step(stopping: AbortSignal): Promise<number> {
    const asleep = waiting.at(performance.now());
    const found = await drain(await read(asleep), stopping);
    failure = undefined;
    if (found) return 0;
    waiting.forgetAwake(asleep);
    // A route is left out of this, and waited for: both as it was at the beginning, or one that ends its wait meanwhile is in neither.
    const next = (await rows.nextDueMs(asleep.names)) ?? Number.POSITIVE_INFINITY;
    return Math.max(1, Math.min(settings.pollMs, next, asleep.until - performance.now()));
  }

  /** @param inHand rows that are under way, or have been sent and are not marked yet. */
  async function read(asleep: Asleep, inHand: readonly OutboxRow[] = []): Promise<Batch> {
    const ids = inHand.map(idOf);
    const due = await rows.due(limit, asleep.names, ids);
    const unsent = await rows.fresh(limit, ids);
    await giveUp([...due, ...unsent].filter(isLate));
    const { held, fresh } = holdBack(unsent.filter(isInTime), asleep, inHand);
    await rows.setAside(held.map(idOf));
    return { ready: [...due.filter(isInTime), ...fresh], found: due.length + unsent.length > 0 };
  }

  /** Some subscribers may have had these long ago, time and again, as another was not there. They forget them soon, and would take them for new. */
  async function giveUp(late: readonly OutboxRow[]): Promise<void> {
    if (late.length === 0) return;
    const reason = `not with all of its subscribers within ${settings.sendWithinHours} hours`;
    await rows.park(late.map(idOf), reason);
    log.error({ count: late.length, types: [...new Set(late.map(({ message }) => message.type))], reason }, 'messages parked');
  }

  /**
   * Sends until nothing is left. What takes longest is the bus: while it has a batch in hand, the one before is marked and the next is read.
   * @returns whether there was anything.
   */
  async function drain({ ready, found }: Batch, stopping: AbortSignal): Promise<boolean> {
    let batch = ready;
    let sent: OutboxRow[] = [];
    try {
      while (batch.length > 0) {
        const before = sent;
        const stuck = new Set<string>();
        sent = [];
        const isMore = batch.length >= settings.relayBatch && !stopping.aborted;
        const [next] = await allSettled(
          isMore ? read(waiting.at(performance.now()), [...before, ...batch]) : NOTHING,
          mark(before),
          send(batch, sent, stuck),
        );
        batch = next.ready.filter(({ message }) => !stuck.has(message.key));
      }
    } finally {
      await mark(sent);
    }
    return found;
  }

  async function mark(sent: readonly OutboxRow[]): Promise<void> {
    await rows.markSent(sent.map(idOf));
    published(sent.length);
  }

  /**
   * Sends the first row of each key together, then the second ones, and so on; a key whose row was rejected goes no further.
   * @param sent gets what the bus took. @param stuck gets the keys that go no further.
   */
  async function send(batch: readonly OutboxRow[], sent: OutboxRow[], stuck: Set<string>): Promise<void> {
    for (let wave = [...batch]; wave.length > 0; ) {
      const [first, later] = splitByKey(wave);
      const refusals = await publishInSpans(first, (outgoing) => broker.publish(outgoing));
      const rejections = new Map(refusals.map((rejection) => [rejection.id, rejection]));
      const [rejected, taken] = split(first, ({ message }) => rejections.has(message.id));
      for (const row of taken) {
        sent.push(row);
        waiting.delete(routeOf(row));
      }
      for (const { message } of rejected) stuck.add(message.key);
      await reject(rejected, rejections);
      wave = later.filter(({ message }) => !stuck.has(message.key));
    }
  }

  async function reject(rejected: readonly OutboxRow[], rejections: ReadonlyMap<string, Rejection>): Promise<void> {
    const now = performance.now();
    const unroutable: number[] = [];
    for (const row of rejected) {
      const { reason, detail } = rejections.get(row.message.id) as Rejection;
      if (reason === 'refused') await countRefusal(row, detail);
      else {
        unroutable.push(row.id);
        waiting.add(routeOf(row), detail, now);
      }
    }
    await rows.setAside(unroutable);
  }

  async function countRefusal(row: OutboxRow, reason: string): Promise<void> {
    const { id: messageId, type } = row.message;
    const attempts = row.attempts + 1;
    const last = attempts >= settings.publishAttempts;
    await rows.countRefusal(row.id, reason, backoffMs(settings.backoff, attempts), last);
    if (last) log.error({ messageId, type, attempts, reason }, 'message parked: the bus refuses it');
    else log.warn({ messageId, type, attempts, reason }, 'message refused by the bus, will try again');
  }

  /** Leads until `signal`, or until it has failed for long. */
  async function lead(signal: AbortSignal): Promise<void> {
    log.info({ instanceId }, 'relay leads');
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const since = performance.now();
    const loop = startLoop({
      step,
      onFailure(error, failures) {
        const now = performance.now();
        failure = { reason: error instanceof Error ? error.message : String(error), since: failure?.since ?? now };
        if (failures === 1) log.warn({ err: error }, 'relay cannot publish, will try until it can');
        if (now - Math.max(failure.since, since) > GIVE_UP_MS) {
          log.warn({ instanceId, reason: failure.reason }, 'relay gives up the lead: another process may reach the bus');
          end();
        }
        return backoffMs(BROKER_BACKOFF, failures);
      },
    });
    wake = loop.wake;
    onAbort(signal, end);
    await ended;
    await loop.stop();
  }

  return {
    async start() {
      stops.push(await database.listen(OUTBOX_CHANNEL, () => wake()));
      stops.push(await database.lead('relay', lead));
    },
    async stop() {
      for (const stop of stops.splice(0).reverse()) await stop();
    },
    trouble: () => failure?.reason ?? waiting.describe(),
  };
}

/**
 * What of `batch` goes no further: the rows whose route waits, and those behind them in their key. Of each key only a first row is `held`, to
 * be set aside; what is behind it, or behind one that leaves now, stays as it is, so that rows set aside never overtake those before them.
 */
function holdBack(batch: readonly OutboxRow[], asleep: Asleep, inHand: readonly OutboxRow[]): { held: OutboxRow[]; fresh: OutboxRow[] } {
  const held: OutboxRow[] = [];
  const fresh: OutboxRow[] = [];
  const stuck = new Set<string>();
  const leaving = new Set(inHand.map(({ message }) => message.key));
  for (const row of batch) {
    const { key } = row.message;
    if (stuck.has(key)) continue;
    if (asleep.has(routeOf(row))) {
      stuck.add(key);
      if (!leaving.has(key)) held.push(row);
    } else {
      leaving.add(key);
      fresh.push(row);
    }
  }
  return { held, fresh };
}

const isLate = (row: OutboxRow): boolean => row.isLate;
const isInTime = (row: OutboxRow): boolean => !row.isLate;

const idOf = ({ id }: OutboxRow): number => id;

const routeOf = ({ message, subscribers }: OutboxRow): Route => ({ type: message.type, subscribers });

/** Waits for all, whatever becomes of them. @throws what the first of them threw. */
async function allSettled<T extends readonly unknown[]>(...work: T): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return (await Promise.all(work)) as { [K in keyof T]: Awaited<T[K]> };
}

function split<T>(items: readonly T[], belongs: (item: T) => boolean): [T[], T[]] {
  const { yes = [], no = [] } = Object.groupBy(items, (item) => (belongs(item) ? 'yes' : 'no'));
  return [yes, no];
}

/** The first row of each key, and the rows behind them. */
function splitByKey(batch: readonly OutboxRow[]): [OutboxRow[], OutboxRow[]] {
  const keys = new Set<string>();
  return split(batch, ({ message }) => keys.size < keys.add(message.key).size);
}

function onAbort(signal: AbortSignal, listener: () => void): void {
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
}
