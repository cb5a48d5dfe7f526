import type { Broker, Outgoing, Rejection } from '../broker.ts';
import type { RabbitConnection } from './connection.ts';
import { type Digest, digests, type Sendable } from './digests.ts';
import { createQueuePublisher, type Published, type QueuePublisher } from './queue-publisher.ts';
import type { Topology } from './topology.ts';

/** RabbitMQ 4 takes 16 MiB by default, and closes the channel for all that travels on it when a message is larger. */
const MOST_BYTES = 8 * 1024 * 1024;
const MOST_KEY_BYTES = 255;
/** Of the time that a call may take: for a queue that does not confirm while the server does. */
const PATIENCE = 0.3;
const NOTHING = Buffer.from('[]');

const rejectAll = (items: readonly Outgoing[], reason: Rejection['reason'], detail: string): Rejection[] =>
  items.flatMap(({ message: { id }, subscribers }) => subscribers.map((subscriber) => ({ id, subscriber, reason, detail })));

interface PublisherOptions {
  readonly connection: RabbitConnection;
  readonly topology: Topology;
  readonly sendTimeoutMs: number;
}

/**
 * Publishes with confirms, all of a call at once, each message once for each of its subscribers, whose queues have channels of their own.
 * An empty message that no queue has to take shows whether the server answers: if it does not, the call fails; if it does, a queue that
 * does not answer costs its own deliveries alone.
 */
export function createPublisher({ connection, topology, sendTimeoutMs }: PublisherOptions) {
  const queues = new Map<string, QueuePublisher>();
  const create = () => createQueuePublisher(connection, topology);
  const [alive, observers] = [create(), create()];

  async function publishTo(subscriber: string, items: readonly Sendable[], over: Promise<void>): Promise<Rejection[]> {
    const queue = queues.get(subscriber) ?? create();
    queues.set(subscriber, queue);
    const published = await queue.publish(
      items.map(({ message: { id, type }, body }) => ({ routingKey: topology.keyOf(subscriber, type), body, messageId: id })),
      over,
    );
    return items.flatMap(({ message: { id, type } }, index) => {
      const fault = faultOf(published[index] as Published, subscriber, type);
      return fault === undefined ? [] : [{ id, subscriber, ...fault }];
    });
  }

  /** Observers miss what cannot be sent to them: what is too large, or came while one of their queues did not answer. */
  async function publishToObservers(told: readonly Digest[], over: Promise<void>): Promise<void> {
    const published = await observers.publish(
      told.map(({ type, body }) => ({ routingKey: topology.observersKeyOf(type), body })),
      over,
    );
    const tooLarge = told.filter(({ items }, index) => items.length > 1 && published[index]?.outcome === 'faulty');
    if (tooLarge.length > 0)
      await publishToObservers(
        tooLarge.flatMap(({ items }) => items.flatMap((item) => digests([item]))),
        over,
      );
  }

  /** @throws when it does not answer. */
  async function askWhetherAlive(over: Promise<void>): Promise<void> {
    const [published] = await alive.publish([{ routingKey: topology.aliveKey, body: NOTHING }], over);
    if (published?.outcome !== 'taken') throw new Error(published?.detail ?? 'RabbitMQ does not confirm');
  }

  /** @throws when the server is away, does not answer in time or takes nothing at all. */
  async function publishAll(sendable: readonly Sendable[]): Promise<Rejection[]> {
    connection.expectWell();
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const { promise: broken, reject: fail } = Promise.withResolvers<never>();
    const timers = [setTimeout(() => fail(new Error(`RabbitMQ did not confirm within ${sendTimeoutMs} ms`)), sendTimeoutMs)];
    const forget = connection.onTrouble(fail);
    const answered = askWhetherAlive(over).then(() => void timers.push(setTimeout(end, sendTimeoutMs * PATIENCE).unref()));
    const told = publishToObservers(digests(sendable.filter(({ isRepeat }) => !isRepeat)), over);
    try {
      const rejections = Promise.all([...bySubscriber(sendable)].map(([subscriber, items]) => publishTo(subscriber, items, over)));
      const [found] = await Promise.race([Promise.all([rejections, answered, told]), broken]);
      return found.flat();
    } finally {
      end();
      forget();
      for (const timer of timers) clearTimeout(timer);
    }
  }

  return {
    publish: async (outgoing: Parameters<Broker['publish']>[0]): Promise<Rejection[]> => {
      const { sendable, refused } = prepare(outgoing, topology);
      return sendable.length === 0 ? refused : [...refused, ...(await publishAll(sendable))];
    },

    close(): void {
      for (const queue of [alive, observers, ...queues.values()]) queue.close();
    },
  };
}

function bySubscriber(sendable: readonly Sendable[]): Map<string, Sendable[]> {
  const of = new Map<string, Sendable[]>();
  for (const item of sendable) {
    for (const subscriber of item.subscribers) {
      const items = of.get(subscriber);
      if (items === undefined) of.set(subscriber, [item]);
      else items.push(item);
    }
  }
  return of;
}

function faultOf({ outcome, detail = '' }: Published, subscriber: string, type: string): Pick<Rejection, 'reason' | 'detail'> | undefined {
  const details: Record<Exclude<Published['outcome'], 'taken' | 'faulty'>, string> = {
    returned: `${subscriber} has no queue for ${type}`,
    refused: `the queue of ${subscriber} does not take ${type}`,
    unconfirmed: `the queue of ${subscriber} does not confirm`,
    closed: detail,
  };
  if (outcome === 'taken') return undefined;
  return outcome === 'faulty' ? { reason: 'refused', detail } : { reason: 'unroutable', detail: details[outcome] };
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
