import type { Broker, Outgoing, Rejection } from '../broker.ts';
import type { RabbitConnection } from './connection.ts';
import type { Sendable } from './digests.ts';
import { ChannelClosed, createLanes, type Lane } from './lane.ts';
import type { Topology } from './topology.ts';

/** RabbitMQ 4 takes 16 MiB by default, and closes the channel for all that travels on it when a message is larger. */
const MOST_BYTES = 8 * 1024 * 1024;
const MOST_KEY_BYTES = 255;

const rejectAll = (items: readonly Outgoing[], reason: Rejection['reason'], detail: string): Rejection[] =>
  items.flatMap(({ message: { id }, subscribers }) => subscribers.map((subscriber) => ({ id, subscriber, reason, detail })));

interface PublisherOptions {
  readonly connection: RabbitConnection;
  readonly topology: Topology;
  readonly sendTimeoutMs: number;
}

/**
 * Publishes with confirms, all of a call at once, each message once for each of its subscribers. The server returns what it cannot
 * route and confirms it all the same: a message is taken when its confirms are there and it did not come back.
 */
export function createPublisher({ connection, topology, sendTimeoutMs }: PublisherOptions) {
  const lanes = createLanes({ connection, topology });
  let current: Promise<Lane> | undefined;

  /**
   * Finds by halves what the server closes the channel for, each time on another one, so that it is refused and the others leave. What only
   * observers were to hear is then let go.
   */
  async function sift(sendable: readonly Sendable[]): Promise<Rejection[]> {
    const found: Rejection[] = [];
    const end = performance.now() + sendTimeoutMs;
    const parts: (readonly Sendable[])[] = [sendable.flatMap(bySubscriber)];
    let isRefused = false;
    let lane = lanes.open();
    try {
      for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
        try {
          found.push(...(await lanes.send(lane, part, end - performance.now())));
        } catch (error) {
          const isFault = error instanceof ChannelClosed && error.isAboutMessage;
          const detail = error instanceof Error ? error.message : String(error);
          if (!isFault && !isRefused) throw error;
          // What was found is kept, or the next call would end at the same place.
          if (!isFault) return [...found, ...rejectAll([part, ...parts].flat(), 'unroutable', detail)];
          lanes.drop(lane);
          lane = lanes.open();
          if (part.length === 1) {
            isRefused = true;
            found.push(...rejectAll(part, 'refused', detail));
          } else parts.push(...halves(part));
        }
      }
      return found;
    } finally {
      lanes.drop(lane);
    }
  }

  function drop(lane: Promise<Lane>): void {
    if (current === lane) current = undefined;
    lanes.drop(lane);
  }

  return {
    publish: async (outgoing: Parameters<Broker['publish']>[0]): Promise<Rejection[]> => {
      const { sendable, refused } = prepare(outgoing, topology);
      if (sendable.length === 0) return refused;
      current ??= lanes.open();
      const lane = current;
      try {
        return [...refused, ...(await lanes.send(lane, sendable, sendTimeoutMs))];
      } catch (error) {
        drop(lane);
        if (!(error instanceof ChannelClosed)) throw error;
        // It may have been closed for what another call had on it.
        return [...refused, ...(await sift(sendable))];
      }
    },

    close(): void {
      if (current !== undefined) drop(current);
    },
  };
}

/** Each delivery by itself, and what observers are to hear. */
function bySubscriber({ subscribers, isRepeat = false, ...item }: Sendable): Sendable[] {
  const deliveries = subscribers.map((subscriber) => ({ ...item, subscribers: [subscriber], isRepeat: true }));
  return isRepeat ? deliveries : [...deliveries, { ...item, subscribers: [] }];
}

function halves<T>(items: readonly T[]): [readonly T[], readonly T[]] {
  const middle = Math.ceil(items.length / 2);
  return [items.slice(0, middle), items.slice(middle)];
}

/** Sorts out what the protocol cannot carry. */
function prepare(outgoing: readonly Outgoing[], topology: Topology): { sendable: Sendable[]; refused: Rejection[] } {
  const sendable: Sendable[] = [];
  const refused: Rejection[] = [];
  const isTooLong = (key: string): boolean => Buffer.byteLength(key) > MOST_KEY_BYTES;
  for (const item of outgoing) {
    const { type } = item.message;
    const body = Buffer.from(JSON.stringify(item.message));
    if (body.length > MOST_BYTES) {
      refused.push(...rejectAll([item], 'refused', `${body.length} bytes are more than the ${MOST_BYTES} that RabbitMQ is given`));
    } else {
      const { fits = [], isTooLong: others = [] } = Object.groupBy(item.subscribers, (subscriber) =>
        isTooLong(topology.keyOf(subscriber, type)) ? 'isTooLong' : 'fits',
      );
      refused.push(...rejectAll([{ ...item, subscribers: others }], 'refused', `a routing key is longer than ${MOST_KEY_BYTES} bytes`));
      const isRepeat = item.isRepeat || isTooLong(topology.observersKeyOf(type));
      if (fits.length > 0 || !isRepeat) sendable.push({ ...item, subscribers: fits, isRepeat, body });
    }
  }
  return { sendable, refused };
}
