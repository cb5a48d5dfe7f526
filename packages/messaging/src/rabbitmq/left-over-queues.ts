import type { Logger } from '@stoa/service';
import { connectRabbit, discard, type RabbitConnection } from './connection.ts';
import { inspectQueue, type QueueState } from './registry.ts';
import { createTopology, type Topology } from './topology.ts';

export interface LeftOverQueue extends QueueState {
  readonly queue: string;
  /** The service that had it. */
  readonly subscriber: string;
}

export interface LeftOverOptions {
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
export async function findLeftOverQueues({ url, log, subscribers, prefix = 'stoa' }: LeftOverOptions): Promise<LeftOverQueue[]> {
  const topology = createTopology(prefix);
  const connection = connectRabbit({ url, log, name: 'left-over queues' });
  try {
    const left: LeftOverQueue[] = [];
    for (const subscriber of await readRegister(connection, topology)) {
      if (subscribers.includes(subscriber)) continue;
      const queue = topology.queueOf(subscriber);
      const state = await inspectQueue(connection, queue);
      if (state !== undefined) left.push({ queue, subscriber, ...state });
    }
    return left;
  } finally {
    await connection.close();
  }
}

/** Takes all entries and, as none is acknowledged, leaves them where they are. */
async function readRegister(connection: RabbitConnection, { registry }: Topology): Promise<string[]> {
  if ((await inspectQueue(connection, registry)) === undefined) return [];
  const channel = await connection.channel();
  try {
    const names = new Set<string>();
    for (;;) {
      const entry = await channel.basicGet({ queue: registry });
      if (entry === undefined) return [...names].sort();
      const { subscriber } = entry.body as { subscriber?: unknown };
      if (typeof subscriber === 'string') names.add(subscriber);
    }
  } finally {
    discard(channel);
  }
}
