import type { Logger } from '@stoa/service';
import { connectRabbit, type RabbitConnection, withChannel } from './connection.ts';
import { inspectQueue, type QueueState } from './registry.ts';
import { createTopology, type Topology } from './topology.ts';

/** What a subscriber has, or had, on the server. */
export interface SubscriberQueue extends QueueState {
  readonly queue: string;
  readonly subscriber: string;
}

export interface QueuesOptions {
  readonly url: string;
  readonly log: Logger;
  /** The services that subscribe today. */
  readonly subscribers: readonly string[];
  readonly prefix?: string;
}

/**
 * Queues of subscribers that no longer exist: nobody takes from them, and what they hold is handled by nobody. AMQP cannot list
 * queues, so this goes by the register that each subscriber entered before it had its queue. Changes nothing.
 * @throws when RabbitMQ is away.
 */
export const findLeftOverQueues = (options: QueuesOptions): Promise<SubscriberQueue[]> =>
  inspect(options, async (connection, topology) => {
    const registered = await readRegister(connection, topology);
    return registered.filter((subscriber) => !options.subscribers.includes(subscriber));
  });

/** Queues of today's subscribers that hold messages which nobody takes. Changes nothing. @throws when RabbitMQ is away. */
export const findIdleQueues = async (options: QueuesOptions): Promise<SubscriberQueue[]> =>
  (await inspect(options, async () => options.subscribers)).filter(({ messages, consumers }) => messages > 0 && consumers === 0);

/** The queues that are there, of those that `choose` names. */
async function inspect(
  { url, log, prefix = 'stoa' }: QueuesOptions,
  choose: (connection: RabbitConnection, topology: Topology) => Promise<readonly string[]>,
): Promise<SubscriberQueue[]> {
  const topology = createTopology(prefix);
  const connection = connectRabbit({ url, log, name: 'examination of queues' });
  try {
    const found: SubscriberQueue[] = [];
    for (const subscriber of await choose(connection, topology)) {
      const queue = topology.queueOf(subscriber);
      const state = await inspectQueue(connection, queue);
      if (state !== undefined) found.push({ queue, subscriber, ...state });
    }
    return found;
  } finally {
    await connection.close();
  }
}

/** Takes all entries and, as none is acknowledged, leaves them where they are. */
async function readRegister(connection: RabbitConnection, { registry }: Topology): Promise<string[]> {
  if ((await inspectQueue(connection, registry)) === undefined) return [];
  return withChannel(connection, async (channel) => {
    const names = new Set<string>();
    for (;;) {
      const entry = await channel.basicGet({ queue: registry });
      if (entry === undefined) return [...names].sort();
      // Anybody may have put anything there.
      const { subscriber } = (entry.body ?? {}) as { subscriber?: unknown };
      if (typeof subscriber === 'string') names.add(subscriber);
    }
  });
}
