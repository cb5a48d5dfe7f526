import { setImmediate as nextTurn } from 'node:timers/promises';
import { AMQPChannelError, type Channel, type ReturnedMessage } from 'rabbitmq-client';
import type { Rejection } from '../broker.ts';
import { discard, type RabbitConnection } from './connection.ts';
import { digests, type Sendable } from './digests.ts';
import { declareExchange, JSON_TEXT, type Topology } from './topology.ts';

/** A channel with confirms, on which the publishes of a call travel together. */
export interface Lane {
  readonly channel: Channel;
  /** Keys under which a message came back, by its id. */
  readonly returned: Map<string, string[]>;
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
    const lane: Lane = { channel, returned: new Map(), waiting: new Set() };
    const close = (error: Error) => {
      for (const tell of lane.waiting) tell(error);
    };
    channel.on('error', (error) => {
      noteReason(lane, error);
      close(error);
    });
    channel.once('close', () => close(new ChannelClosed(undefined)));
    channel.on('basic.return', ({ messageId = '', routingKey }: ReturnedMessage) => {
      lane.returned.set(messageId, [...(lane.returned.get(messageId) ?? []), routingKey]);
    });
    await declareExchange(channel, topology);
    await channel.confirmSelect();
    return lane;
  }

  /** @returns why the server did not take a message, by its id. */
  async function publish(lane: Lane, sendable: readonly Sendable[]): Promise<Map<string, string>> {
    const { channel, returned } = lane;
    const problems = new Map<string, string>();
    const publishOne = async ({ message, body }: Sendable, routingKey: string): Promise<void> => {
      const options = { exchange: topology.exchange, routingKey, messageId: message.id, mandatory: true, durable: true, ...JSON_TEXT };
      try {
        await channel.basicPublish(options, body);
      } catch (error) {
        noteReason(lane, error);
        if (!isNack(error)) throw error;
        problems.set(message.id, `RabbitMQ did not take it as ${routingKey}`);
      }
    };
    const publishDigest = async (type: string, body: Buffer): Promise<void> => {
      try {
        await channel.basicPublish({ exchange: topology.exchange, routingKey: topology.observersKeyOf(type), ...JSON_TEXT }, body);
      } catch (error) {
        noteReason(lane, error);
        throw error;
      }
    };
    const under = connection.together((bytes) => {
      const begun: Promise<void>[] = [];
      for (const item of sendable) {
        for (const subscriber of item.subscribers) {
          bytes(item.body.length);
          begun.push(publishOne(item, topology.keyOf(subscriber, item.message.type)));
        }
      }
      for (const { type, body } of digests(sendable)) {
        bytes(body.length);
        begun.push(publishDigest(type, body));
      }
      return begun;
    });
    await Promise.all(under);
    // The client tells of a return a turn after it was read; its confirm, which came later, has resolved by then.
    await nextTurn();
    for (const { message, subscribers } of sendable) {
      const keys = returned.get(message.id);
      if (keys === undefined) continue;
      returned.delete(message.id);
      const missing = subscribers.filter((subscriber) => keys.includes(topology.keyOf(subscriber, message.type)));
      problems.set(message.id, `${missing.join(' and ')} has no queue for ${message.type}`);
    }
    return problems;
  }

  return {
    open,

    /** What is still under way on it must not be taken for an answer to the next call. */
    drop(lane: Promise<Lane>): void {
      lane.then(({ channel }) => discard(channel)).catch(() => {});
    },

    /**
     * Publishes all of `sendable` at once. @returns what cannot be routed.
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
        const problems = await Promise.race([publish(lane, sendable), broken]);
        return [...problems].map(([id, detail]) => ({ id, reason: 'unroutable' as const, detail }));
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
