import { setImmediate as nextTurn } from 'node:timers/promises';
import { type RabbitConnection, withChannel } from './connection.ts';
import type { Topology } from './topology.ts';

/**
 * Whether some queue is bound to the exchange by `routingKey`. AMQP cannot list bindings, and declaring one again does not show whether
 * it was there. So this sends an empty message and sees whether it comes back.
 * @throws when it cannot be determined.
 */
export function isBound(publishing: RabbitConnection, { exchange }: Topology, routingKey: string): Promise<boolean> {
  return withChannel(publishing, async (channel) => {
    let bound = true;
    channel.on('basic.return', () => {
      bound = false;
    });
    try {
      await channel.confirmSelect();
      await channel.basicPublish({ exchange, routingKey, mandatory: true }, Buffer.alloc(0));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'NOT_FOUND') return false;
      throw error;
    }
    // The client reports a return a turn after it was read.
    await nextTurn();
    return bound;
  });
}
