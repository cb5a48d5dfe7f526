import type { Database } from '@stoa/postgres';
import { type Logger, startLoop } from '@stoa/service';
import { type Backoff, backoffMs } from './backoff.ts';
import type { Broker } from './broker.ts';
import { createHorizon } from './horizon.ts';
import { OUTBOX_CHANNEL, REPLAYED } from './outbox.ts';
import { createOutboxReader } from './outbox-reader.ts';
import { createOutboxRows, type OutboxRow } from './outbox-rows.ts';
import { createSender, type Row } from './sending.ts';
import type { MessagingSettings } from './settings.ts';
import { createWaitingRoutes, type Route } from './waiting-routes.ts';
import { createWaitingRows } from './waiting-rows.ts';

/** A bus that is away is tried again soon: this counts as no failure of a message, and all messages wait for it. */
const BROKER_BACKOFF: Backoff = { firstMs: 100, longestMs: 10_000 };
/** A leader that has published nothing for so long gives the lead up: another process may reach the bus. */
const GIVE_UP_MS = 10_000;
/** Rows of one key in a batch, which leave one after the other: few enough that the others do not wait for them. */
const OF_KEY = 20;
/** How often everything is read once more, whatever is known of it: a safety net for the marks from which the polls start. */
const FULL_LOOK_MS = 60_000;

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
 * Carries the outbox to the bus, in one process at a time. A row leaves the outbox after the bus took it, so a crash in between sends it again and
 * the inbox ignores it. Of each key a row leaves for a subscriber when that one took the row before it, or the row before it was parked.
 */
export function createRelay<Schema>(options: RelayOptions<Schema>): Relay {
  const { service, database, broker, log, instanceId, settings, published } = options;
  const limit = { bytes: settings.batchBytes, hours: settings.sendWithinHours, ofKey: OF_KEY };
  const rows = createOutboxRows(service, database.query, limit);
  const waiting = createWaitingRows(service, database, limit);
  const routes = createWaitingRoutes(log);
  const reader = createOutboxReader({ rows, horizon: createHorizon(database.query), most: settings.relayBatch, ofKey: OF_KEY });
  const bus: Pick<Broker, 'publish'> = {
    async publish(outgoing) {
      const rejections = await broker.publish(outgoing);
      cutOff = undefined;
      return rejections;
    },
  };
  const sender = createSender({ broker: bus, log, settings, waiting, routes, published });
  const tries = new Set<Promise<void>>();
  const stops: (() => Promise<void>)[] = [];
  let failure: { readonly reason: string; readonly since: number } | undefined;
  /** Why the last try of a route did not reach the bus: where nothing else waits, no other failure shows it. */
  let cutOff: { readonly error: unknown } | undefined;
  let fullLookAt = 0;
  let isReplayed = false;
  let wake = (): void => {};
  let isLeading = false;

  async function step(stopping: AbortSignal): Promise<number> {
    await lookAtAll();
    for (const route of routes.toTry(performance.now())) tryRoute(route);
    try {
      const found = await drain(await read(), stopping);
      if (cutOff !== undefined && routes.describe() !== undefined) throw cutOff.error;
      cutOff = undefined;
      failure = undefined;
      if (found) return 0;
    } catch (error) {
      reader.startOver();
      throw error;
    }
    return Math.max(1, Math.min(settings.pollMs, routes.nextMs(performance.now())));
  }

  async function lookAtAll(): Promise<void> {
    const now = performance.now();
    const isFull = now >= fullLookAt;
    if (isFull) {
      await waiting.adopt();
      reader.startOver();
    }
    if (isFull || isReplayed) {
      isReplayed = false;
      routes.load(await waiting.routes());
    }
    if (isFull) fullLookAt = now + FULL_LOOK_MS;
  }

  /** @param inHand rows that are under way, or have been sent and are still to leave the outbox. */
  async function read(inHand: readonly Row[] = []): Promise<{ batch: Row[]; found: boolean }> {
    const ids = inHand.map(({ id }) => id);
    const found: Row[] = [];
    for (const route of routes.due(performance.now())) {
      const due = await waiting.due(route, route.floor, settings.relayBatch, ids);
      found.push(...due.rows);
      if (due.rows.length === 0) routes.next(route, await waiting.nextDueMs(route, route.floor), performance.now());
      // What is under way may come back as it was.
      else route.floor = new Date(Math.min(+due.floor, ...inHand.flatMap((row) => ('retryAt' in row ? [+row.retryAt] : []))));
      if (due.isFull) break;
    }
    found.push(...(await reader.read(ids)));
    const late = found.filter(isLate);
    await sender.giveUp(late);
    return { batch: late.length === 0 ? found : found.filter((row) => !isLate(row)), found: found.length > 0 };
  }

  /**
   * Sends until nothing is left. What takes longest is the bus: while it has a batch, the rows of the one before leave the outbox and
   * the next is read.
   * @returns whether there was anything.
   */
  async function drain({ batch: first, found }: Awaited<ReturnType<typeof read>>, stopping: AbortSignal): Promise<boolean> {
    let batch = first;
    let sent: OutboxRow[] = [];
    /** Where something waits since the batch was read. */
    let stuck: ReadonlySet<string> = new Set();
    try {
      while (batch.length > 0) {
        const before = sent;
        sent = [];
        const isMore = (batch.length >= settings.relayBatch || reader.hasMore()) && !stopping.aborted;
        const stuckNow = new Set<string>();
        const [next] = await allSettled(
          isMore ? read([...before, ...batch]) : { batch: [] },
          leave(before),
          sender.send(batch, sent, stuck, stuckNow),
        );
        stuck = stuckNow;
        batch = next.batch;
      }
    } finally {
      await leave(sent);
    }
    return found;
  }

  async function leave(sent: readonly OutboxRow[]): Promise<void> {
    await rows.moveSent(sent.map(({ id }) => id));
    published(sent.length);
  }

  /** Besides all else: a queue that does not answer takes its time. */
  function tryRoute(route: Route & { readonly floor: Date }): void {
    const trying = async (): Promise<void> => {
      const [row] = (await waiting.due(route, route.floor, 1, [])).rows;
      if (row === undefined) routes.next(route, await waiting.nextDueMs(route, route.floor), performance.now());
      else if (row.isLate) await sender.giveUp((await waiting.due(route, route.floor, settings.relayBatch, [])).rows.filter(isLate));
      else await sender.tryRoute(row);
    };
    const tried = trying()
      .catch((error: unknown) => {
        cutOff = { error };
        log.debug({ err: error, ...route }, 'the subscriber cannot be tried');
      })
      .then(() => {
        routes.tried(route, performance.now());
        tries.delete(tried);
        wake();
      });
    tries.add(tried);
  }

  /** Leads until `signal`, or until it has failed for long. */
  async function lead(signal: AbortSignal): Promise<void> {
    log.info({ instanceId }, 'relay leads');
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const since = performance.now();
    routes.clear();
    cutOff = undefined;
    fullLookAt = since;
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
    isLeading = true;
    onAbort(signal, end);
    await ended;
    isLeading = false;
    await loop.stop();
    await Promise.all(tries);
  }

  return {
    async start() {
      stops.push(
        await database.listen(OUTBOX_CHANNEL, (payload) => {
          isReplayed ||= payload === REPLAYED;
          wake();
          return isLeading;
        }),
      );
      stops.push(await database.lead('relay', lead));
    },
    async stop() {
      for (const stop of stops.splice(0).reverse()) await stop();
    },
    trouble: () => failure?.reason ?? routes.describe(),
  };
}

/** What is for observers only has no age limit. */
const isLate = (row: Row): boolean => row.isLate && !('subscribers' in row && row.subscribers.length === 0);

/** Waits for all, whatever becomes of them. @throws what the first of them threw. */
async function allSettled<T extends readonly unknown[]>(...work: T): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return (await Promise.all(work)) as { [K in keyof T]: Awaited<T[K]> };
}

function onAbort(signal: AbortSignal, listener: () => void): void {
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
}
