import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Channel, ReturnedMessage } from 'rabbitmq-client';
import type { Broker, Outgoing, Rejection } from '../broker.ts';
import { discard, type RabbitConnection } from './connection.ts';
import { declareExchange, JSON_TEXT, type Topology } from './topology.ts';

/** A larger one would make the server close the channel, for all that travels on it: RabbitMQ 4 takes 16 MiB by default. */
const MOST_BYTES = 8 * 1024 * 1024;
const MOST_KEY_BYTES = 255;

const [OPEN, COMMA, CLOSE] = ['[', ',', ']'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];

interface PublisherOptions {
  readonly connection: RabbitConnection;
  readonly topology: Topology;
  readonly sendTimeoutMs: number;
}

interface Lane {
  readonly channel: Channel;
  /** Keys under which a message came back, by its id. */
  readonly returned: Map<string, string[]>;
  /** Are told when the channel is closed. */
  readonly waiting: Set<(error: Error) => void>;
}

/**
 * Publishes with confirms, all of a call at once, each message once for each of its subscribers. The server returns what it cannot
 * route and confirms it all the same: a message is taken when its confirms are there and it did not come back.
 */
export function createPublisher({ connection, topology, sendTimeoutMs }: PublisherOptions) {
  let current: Promise<Lane> | undefined;

  async function openLane(): Promise<Lane> {
    const channel = await connection.channel();
    const lane: Lane = { channel, returned: new Map(), waiting: new Set() };
    const close = (error: Error) => {
      for (const tell of lane.waiting) tell(error);
    };
    channel.on('error', close);
    channel.once('close', () => close(new Error('RabbitMQ closed the channel')));
    channel.on('basic.return', ({ messageId = '', routingKey }: ReturnedMessage) => {
      lane.returned.set(messageId, [...(lane.returned.get(messageId) ?? []), routingKey]);
    });
    await declareExchange(channel, topology);
    await channel.confirmSelect();
    return lane;
  }

  /** What is still under way on it must not be taken for an answer to the next call. */
  function drop(lane: Promise<Lane>): void {
    if (current === lane) current = undefined;
    lane.then(({ channel }) => discard(channel)).catch(() => {});
  }

  /** @returns why the server did not take a message, by its id. */
  async function send({ channel, returned }: Lane, sendable: readonly Sendable[]): Promise<Map<string, string>> {
    const problems = new Map<string, string>();
    const publish = async ({ message, body }: Sendable, routingKey: string): Promise<void> => {
      const options = { exchange: topology.exchange, routingKey, messageId: message.id, mandatory: true, durable: true, ...JSON_TEXT };
      try {
        await channel.basicPublish(options, body);
      } catch (error) {
        if (!isNack(error)) throw error;
        problems.set(message.id, `RabbitMQ did not take it as ${routingKey}`);
      }
    };
    await Promise.all([
      ...sendable.flatMap((item) => item.subscribers.map((subscriber) => publish(item, topology.keyOf(subscriber, item.message.type)))),
      ...digests(sendable).map(({ type, body }) =>
        channel.basicPublish({ exchange: topology.exchange, routingKey: topology.observersKeyOf(type), ...JSON_TEXT }, body),
      ),
    ]);
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
    publish: async (outgoing: Parameters<Broker['publish']>[0]): Promise<Rejection[]> => {
      const { sendable, refused } = prepare(outgoing, topology);
      if (sendable.length === 0) return refused;
      const { promise: broken, reject: giveUp } = Promise.withResolvers<never>();
      const timer = setTimeout(() => giveUp(new Error(`RabbitMQ did not confirm within ${sendTimeoutMs} ms`)), sendTimeoutMs);
      const forget = connection.onTrouble(giveUp);
      current ??= openLane();
      const opening = current;
      let lane: Lane | undefined;
      try {
        lane = await Promise.race([opening, broken]);
        if (!lane.channel.active) throw new Error('RabbitMQ closed the channel');
        lane.waiting.add(giveUp);
        const problems = await Promise.race([send(lane, sendable), broken]);
        return [...refused, ...[...problems].map(([id, detail]) => ({ id, reason: 'unroutable' as const, detail }))];
      } catch (error) {
        drop(opening);
        throw error;
      } finally {
        clearTimeout(timer);
        forget();
        lane?.waiting.delete(giveUp);
      }
    },

    close(): void {
      if (current !== undefined) drop(current);
    },
  };
}

interface Sendable extends Outgoing {
  readonly body: Buffer;
}

/**
 * What observers get: the messages of a type together, as an array. One each would double what is sent, and mostly nobody observes.
 * An array is a little larger at most than the largest message.
 */
function digests(sendable: readonly Sendable[]): { type: string; body: Buffer }[] {
  const made: { type: string; body: Buffer }[] = [];
  for (const [type, items] of Map.groupBy(sendable, ({ message }) => message.type)) {
    let parts: Buffer[] = [];
    let bytes = 0;
    const finish = (): void => {
      made.push({ type, body: Buffer.concat([OPEN, ...parts.slice(1), CLOSE]) });
      parts = [];
      bytes = 0;
    };
    for (const { body } of items) {
      if (bytes > 0 && bytes + body.length > MOST_BYTES) finish();
      parts.push(COMMA, body);
      bytes += body.length;
    }
    finish();
  }
  return made;
}

/** Sorts out what the protocol cannot carry. */
function prepare(outgoing: readonly Outgoing[], topology: Topology): { sendable: Sendable[]; refused: Rejection[] } {
  const sendable: Sendable[] = [];
  const refused: Rejection[] = [];
  for (const { message, subscribers } of outgoing) {
    const body = Buffer.from(JSON.stringify(message));
    const longest = [topology.observersKeyOf(message.type), ...subscribers.map((subscriber) => topology.keyOf(subscriber, message.type))];
    const refuse = (detail: string) => refused.push({ id: message.id, reason: 'refused', detail });
    if (body.length > MOST_BYTES) refuse(`${body.length} bytes are more than the ${MOST_BYTES} that RabbitMQ is given`);
    else if (longest.some((key) => Buffer.byteLength(key) > MOST_KEY_BYTES)) refuse(`a routing key is longer than ${MOST_KEY_BYTES} bytes`);
    else sendable.push({ message, subscribers, body });
  }
  return { sendable, refused };
}

const isNack = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'NACK';
