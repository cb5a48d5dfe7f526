import { setImmediate as nextTurn } from 'node:timers/promises';
import { AMQPChannelError, type Channel, type ReturnedMessage } from 'rabbitmq-client';
import type { Rejection } from '../broker.ts';
import { discard, type RabbitConnection } from './connection.ts';
import { digests, type Sendable } from './digests.ts';
import { declareExchange, JSON_TEXT, type Topology } from './topology.ts';

/** Of the time that a call may take: for a queue that does not confirm while the server does. */
const PATIENCE = 0.3;
const NOTHING = Buffer.from('[]');

/** A message for one subscriber. */
interface Delivery {
  /** The message's. */
  readonly id: string;
  readonly type: string;
  readonly subscriber: string;
  readonly routingKey: string;
}

/** A channel with confirms, on which the publishes of a call travel together. */
export interface Lane {
  readonly channel: Channel;
  /** What came back. */
  readonly returned: Set<string>;
  /** Are told when the channel is closed. */
  readonly waiting: Set<(error: Error) => void>;
  /** Why the server closed it. */
  reason?: AMQPChannelError;
}

/** The server closed the channel while its connection went on. */
export class ChannelClosed extends Error {
  /** Whether a message was the reason, and not what all of them have in common. */
  readonly isAboutMessage: boolean;
  constructor(reason: AMQPChannelError | undefined) {
    super(['RabbitMQ closed the channel', reason?.message].filter((text) => text !== undefined).join(': '));
    this.isAboutMessage = reason !== undefined && isAboutMessage(reason);
  }
}

interface LanesOptions {
  readonly connection: RabbitConnection;
  readonly topology: Topology;
}

export function createLanes({ connection, topology }: LanesOptions) {
  async function open(): Promise<Lane> {
    const channel = await connection.channel();
    const lane: Lane = { channel, returned: new Set(), waiting: new Set() };
    const close = (error: Error) => {
      for (const tell of lane.waiting) tell(error);
    };
    channel.on('error', (error) => {
      noteReason(lane, error);
      close(error);
    });
    channel.once('close', () => close(new ChannelClosed(undefined)));
    channel.on('basic.return', ({ messageId = '', routingKey }: ReturnedMessage) => {
      lane.returned.add(placeOf({ id: messageId, routingKey }));
    });
    await declareExchange(channel, topology);
    await channel.confirmSelect();
    return lane;
  }

  /**
   * @returns what a queue did not take: returned, refused, or not confirmed `patienceMs` after the server has shown that it answers.
   */
  async function publish(lane: Lane, sendable: readonly Sendable[], patienceMs: number): Promise<Rejection[]> {
    const { channel, returned } = lane;
    const rejections: Rejection[] = [];
    const unconfirmed = new Set<Delivery>();
    const reject = ({ id, subscriber }: Delivery, detail: string) => rejections.push({ id, subscriber, reason: 'unroutable', detail });
    const send = async (routingKey: string, body: Buffer, options: object = {}): Promise<void> => {
      try {
        await channel.basicPublish({ exchange: topology.exchange, routingKey, ...options, ...JSON_TEXT }, body);
      } catch (error) {
        noteReason(lane, error);
        throw error;
      }
    };
    const deliver = async (delivery: Delivery, body: Buffer): Promise<void> => {
      unconfirmed.add(delivery);
      try {
        await send(delivery.routingKey, body, { messageId: delivery.id, mandatory: true, durable: true });
      } catch (error) {
        if (!isNack(error)) throw error;
        reject(delivery, `RabbitMQ did not take it as ${delivery.routingKey}`);
      }
      unconfirmed.delete(delivery);
    };
    const [deliveries, answers] = connection.together((bytes) => {
      const begun: Promise<void>[] = [];
      const told: Promise<void>[] = [];
      for (const { message, subscribers, body } of sendable) {
        for (const subscriber of subscribers) {
          bytes(body.length);
          const routingKey = topology.keyOf(subscriber, message.type);
          begun.push(deliver({ id: message.id, type: message.type, subscriber, routingKey }, body));
        }
      }
      // What no queue has to take is confirmed at once by a server that is well.
      for (const { type, body } of digests(sendable.filter(({ isRepeat }) => !isRepeat))) {
        bytes(body.length);
        told.push(send(topology.observersKeyOf(type), body));
      }
      if (told.length === 0) told.push(send(topology.aliveKey, NOTHING));
      return [begun, told];
    });
    await allWithin(deliveries, answers, patienceMs);
    // The client tells of a return a turn after it was read; its confirm, which came later, has resolved by then.
    await nextTurn();
    for (const delivery of unconfirmed)
      reject(delivery, `the queue of ${delivery.subscriber} did not confirm within ${Math.round(patienceMs)} ms`);
    for (const { message, subscribers } of sendable) {
      for (const subscriber of subscribers) {
        const delivery = { id: message.id, type: message.type, subscriber, routingKey: topology.keyOf(subscriber, message.type) };
        if (returned.delete(placeOf(delivery))) reject(delivery, `${subscriber} has no queue for ${message.type}`);
      }
    }
    return rejections;
  }

  return {
    open,

    /** What is still under way on it must not be taken for an answer to the next call. */
    drop(lane: Promise<Lane>): void {
      lane.then(({ channel }) => discard(channel)).catch(() => {});
    },

    /**
     * Publishes all of `sendable` at once. @returns what queues did not take.
     * @throws ChannelClosed, or what else ailed the lane: it is then to be dropped. Settles within `timeoutMs`.
     */
    async send(opening: Promise<Lane>, sendable: readonly Sendable[], timeoutMs: number): Promise<Rejection[]> {
      const { promise: broken, reject: giveUp } = Promise.withResolvers<never>();
      const timer = setTimeout(() => giveUp(new Error(`RabbitMQ did not confirm within ${Math.round(timeoutMs)} ms`)), timeoutMs);
      const forget = connection.onTrouble(giveUp);
      let lane: Lane | undefined;
      try {
        lane = await Promise.race([opening, broken]);
        if (!lane.channel.active) throw new ChannelClosed(lane.reason);
        lane.waiting.add(giveUp);
        return await Promise.race([publish(lane, sendable, timeoutMs * PATIENCE), broken]);
      } catch (error) {
        // Of all that fail with the channel, the client tells the reason to one.
        await nextTurn();
        if (lane === undefined || lane.channel.active || connection.trouble() !== undefined) throw error;
        throw new ChannelClosed(lane.reason);
      } finally {
        clearTimeout(timer);
        forget();
        lane?.waiting.delete(giveUp);
      }
    },
  };
}

const placeOf = ({ id, routingKey }: Pick<Delivery, 'id' | 'routingKey'>): string => `${id} ${routingKey}`;

/** Waits for `deliveries`, but once `answers` are there no longer than `patienceMs`. @throws what one of them threw meanwhile. */
async function allWithin(deliveries: readonly Promise<void>[], answers: readonly Promise<void>[], patienceMs: number): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const all = Promise.race([Promise.all(deliveries), over]);
  let timer: NodeJS.Timeout | undefined;
  const answered = Promise.all(answers).then(() => {
    timer = setTimeout(resolve, patienceMs);
  });
  try {
    await Promise.all([all, answered]);
  } finally {
    clearTimeout(timer);
  }
}

function noteReason(lane: Lane, error: unknown): void {
  // CH_CLOSE is the client's own word for whatever was under way.
  if (error instanceof AMQPChannelError && error.code !== 'CH_CLOSE') lane.reason ??= error;
}

/**
 * A message may be larger than the server is told to take, or its key none that we may publish under. Without any right to publish to
 * the exchange all messages are refused, and none is at fault.
 */
const isAboutMessage = ({ code, message }: AMQPChannelError): boolean =>
  message.startsWith('BasicPublish: ') &&
  (code === 'PRECONDITION_FAILED' || code === 'CONTENT_TOO_LARGE' || (code === 'ACCESS_REFUSED' && message.includes("access to topic '")));

const isNack = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'NACK';
