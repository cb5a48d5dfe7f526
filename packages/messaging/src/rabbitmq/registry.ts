import type { RabbitConnection } from './connection.ts';
import type { Topology } from './topology.ts';

export interface QueueState {
  readonly messages: number;
  readonly consumers: number;
}

/** @returns `undefined` when there is no such queue: the server then closes the channel, which is why it has one of its own. */
export async function inspectQueue(connection: RabbitConnection, queue: string): Promise<QueueState | undefined> {
  const channel = await connection.channel();
  try {
    const { messageCount, consumerCount } = await channel.queueDeclare({ queue, passive: true });
    return { messages: messageCount, consumers: consumerCount };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'NOT_FOUND') return undefined;
    throw error;
  } finally {
    await channel.close();
  }
}

/** Writes down that `subscriber` has a queue, before it has one for the first time. */
export async function register(connection: RabbitConnection, topology: Topology, subscriber: string): Promise<void> {
  if ((await inspectQueue(connection, topology.queueOf(subscriber))) !== undefined) return;
  const channel = await connection.channel();
  try {
    await channel.queueDeclare({ queue: topology.registry, durable: true });
    await channel.confirmSelect();
    await channel.basicPublish({ routingKey: topology.registry, durable: true, mandatory: true }, { subscriber });
  } finally {
    await channel.close();
  }
}
