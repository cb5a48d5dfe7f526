import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@stoa/service';
import type { AsyncMessage } from 'rabbitmq-client';
import { backoffMs } from '../backoff.ts';
import type { Accept } from '../broker.ts';

/** One statement of the inbox takes this many at once; the server sends so many more meanwhile. */
const MOST_MESSAGES = 200;
const MOST_BYTES = 4 * 1024 * 1024;
export const PREFETCH = 2 * MOST_MESSAGES;
/** A burst gathers for this long before its first batch. */
const GATHER_MS = 3;
const BACKOFF = { firstMs: 100, longestMs: 5_000 };
/** An inbox that cannot be reached for so long may be in reach of another process. */
export const GIVE_UP_MS = 30_000;

interface BatchesOptions {
  readonly accept: Accept;
  /** Acknowledges a delivery and all before it. */
  readonly acknowledge: (deliveryTag: number) => void;
  /** Is called when the inbox could not be reached for long. */
  readonly giveUp: () => void;
  readonly log: Logger;
}

/**
 * Gathers deliveries and puts them into the inbox, one batch after the other. What is not accepted stays with us, unacknowledged, and is
 * tried again: given back to the server, it would come again at once, and behind what came after it.
 */
export function createBatches({ accept, acknowledge, giveUp, log }: BatchesOptions) {
  const ending = new AbortController();
  const waiting: AsyncMessage[] = [];
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    await pause(GATHER_MS);
    while (waiting.length > 0 && !ending.signal.aborted) {
      const batch = takeBatch(waiting);
      if (!(await acceptAll(batch.map(read)))) return;
      acknowledge((batch.at(-1) as AsyncMessage).deliveryTag);
    }
  }

  /** @returns whether the inbox has them. */
  async function acceptAll(received: readonly unknown[]): Promise<boolean> {
    const since = performance.now();
    for (let failures = 1; ; failures += 1) {
      try {
        await accept(received);
        return true;
      } catch (error) {
        if (failures === 1) log.warn({ err: error }, 'the inbox does not accept, will try until it does');
      }
      if (performance.now() - since > GIVE_UP_MS) giveUp();
      else await pause(backoffMs(BACKOFF, failures));
      if (ending.signal.aborted) return false;
    }
  }

  const pause = (milliseconds: number): Promise<void> => delay(milliseconds, undefined, { signal: ending.signal }).catch(() => {});

  return {
    add(delivery: AsyncMessage): void {
      if (ending.signal.aborted) return;
      waiting.push(delivery);
      running ??= run().finally(() => {
        running = undefined;
      });
    },
    /** Resolves when the batch in hand is accepted and acknowledged, or has failed once more. Takes nothing any more. */
    async finish(): Promise<void> {
      ending.abort();
      await running;
    },
  };
}

/** The next ones, as many as one statement is to take: one at least. */
function takeBatch(waiting: AsyncMessage[]): AsyncMessage[] {
  let bytes = 0;
  const end = waiting.findIndex(({ body }, index) => {
    bytes += Buffer.isBuffer(body) ? body.length : 0;
    return index === MOST_MESSAGES || (index > 0 && bytes > MOST_BYTES);
  });
  return waiting.splice(0, end === -1 ? waiting.length : end);
}

/** What the JSON held, or the text itself. The client parses what comes without an encoding from elsewhere. */
export function read({ body }: Pick<AsyncMessage, 'body'>): unknown {
  if (!Buffer.isBuffer(body) && typeof body !== 'string') return body;
  const text = body.toString();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
