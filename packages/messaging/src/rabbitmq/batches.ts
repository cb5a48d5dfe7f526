import { type Logger, pause, withTimeout } from '@stoa/service';
import type { AsyncMessage } from 'rabbitmq-client';
import { backoffMs } from '../backoff.ts';
import type { Accept } from '../broker.ts';
import { withinCloseLimit } from './connection.ts';

/** One statement of the inbox takes this many at once; the server sends so many more meanwhile. */
const MOST_MESSAGES = 400;
const MOST_BYTES = 4 * 1024 * 1024;
export const PREFETCH = 2 * MOST_MESSAGES;
/** A burst gathers for this long before its first batch. */
const GATHER_MS = 3;
const BACKOFF = { firstMs: 100, longestMs: 5_000 };
const SHORTEST_TRY_MS = 100;
/** Of the time after which an inbox is given up: from then on it is reported as in trouble. */
const TROUBLE = 1 / 6;

interface BatchesOptions {
  readonly accept: Accept;
  /** Acknowledges a delivery and all before it. */
  readonly acknowledge: (deliveryTag: number) => void;
  /** Is called when the inbox has not taken a batch for `giveUpMs`, whether it failed or did not answer. */
  readonly giveUp: () => void;
  readonly giveUpMs: number;
  readonly log: Logger;
}

/**
 * Gathers deliveries and puts them into the inbox, one batch after the other. What is not accepted stays with us, unacknowledged, and is
 * tried again: given back to the server, it would come again at once, and behind what came after it.
 */
export function createBatches({ accept, acknowledge, giveUp, giveUpMs, log }: BatchesOptions) {
  const ending = new AbortController();
  const waiting: AsyncMessage[] = [];
  let running: Promise<void> | undefined;
  /** The batch that the inbox is to take. */
  let inHand: { readonly since: number; problem?: string } | undefined;

  async function run(): Promise<void> {
    await pause(GATHER_MS, ending.signal);
    while (waiting.length > 0 && !ending.signal.aborted) {
      const batch = takeBatch(waiting);
      if (!(await acceptAll(batch.map(read)))) return;
      acknowledge((batch.at(-1) as AsyncMessage).deliveryTag);
    }
  }

  /** @returns whether the inbox has them. */
  async function acceptAll(received: readonly unknown[]): Promise<boolean> {
    const batch: typeof inHand = { since: performance.now() };
    inHand = batch;
    for (let failures = 1; !ending.signal.aborted; failures += 1) {
      try {
        await withTimeout(accept(received), Math.max(giveUpMs - elapsed(batch), SHORTEST_TRY_MS), noAnswer);
        inHand = undefined;
        return true;
      } catch (error) {
        if (failures === 1) log.warn({ err: error }, 'the inbox does not accept, will try until it does');
        batch.problem = error instanceof Error ? error.message : String(error);
      }
      const pauseMs = backoffMs(BACKOFF, failures);
      if (elapsed(batch) + pauseMs < giveUpMs) await pause(pauseMs, ending.signal);
      else if (!ending.signal.aborted) {
        ending.abort();
        giveUp();
      }
    }
    return false;
  }

  return {
    add(delivery: AsyncMessage): void {
      if (ending.signal.aborted) return;
      waiting.push(delivery);
      running ??= run().finally(() => {
        running = undefined;
      });
    },
    /** Why nothing goes into the inbox, when it has been so for a while. */
    trouble(): string | undefined {
      if (inHand === undefined || elapsed(inHand) < giveUpMs * TROUBLE) return undefined;
      return `the inbox has not accepted for ${Math.round(elapsed(inHand) / 1_000)} s${inHand.problem === undefined ? '' : `: ${inHand.problem}`}`;
    },
    /**
     * Resolves when the current batch is accepted and acknowledged, or has failed once more, or is not answered for long. Takes nothing
     * any more. What is accepted after all comes again, and the inbox has it.
     */
    async finish(): Promise<void> {
      ending.abort();
      if (running !== undefined) await withinCloseLimit(running);
    },
  };
}

const noAnswer = () => {
  throw new Error('it does not answer');
};

const elapsed = ({ since }: { readonly since: number }): number => performance.now() - since;

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
