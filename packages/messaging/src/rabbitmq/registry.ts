import type { Logger } from '@stoa/service';
import { type RabbitConnection, withChannel } from './connection.ts';
import type { Topology } from './topology.ts';

export interface QueueState {
  readonly messages: number;
  readonly consumers: number;
}

/** @returns `undefined` when there is no such queue: the server then closes the channel, which is why it has one of its own. */
export function inspectQueue(connection: RabbitConnection, queue: string): Promise<QueueState | undefined> {
  return withChannel(connection, async (channel) => {
    try {
      const { messageCount, consumerCount } = await channel.queueDeclare({ queue, passive: true });
      return { messages: messageCount, consumers: consumerCount };
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  });
}

interface EntryOptions {
  readonly consuming: RabbitConnection;
  /** A server that blocks publishers would no longer take acknowledgements of consumers on the connection of an entry. */
  readonly publishing: RabbitConnection;
  readonly topology: Topology;
  readonly subscriber: string;
  readonly log: Logger;
}

/** The entry of `subscriber` in the register of those that ever had a queue. Made once, as entries are never taken out. */
export function createEntry({ consuming, publishing, topology, subscriber, log }: EntryOptions) {
  let state: 'unknown' | 'missing' | 'made' = 'unknown';
  let failures = 0;

  const publish = (): Promise<void> =>
    withChannel(publishing, async (channel) => {
      await channel.queueDeclare({ queue: topology.registry, durable: true });
      await channel.confirmSelect();
      await channel.basicPublish({ routingKey: topology.registry, durable: true, mandatory: true }, { subscriber });
    });

  return {
    /** To be called before the queue is declared, which is the sign of an entry, and again later: it does not throw when it fails. */
    async ensure(): Promise<void> {
      if (state === 'made') return;
      try {
        if (state === 'unknown') {
          state = 'missing';
          if ((await inspectQueue(consuming, topology.queueOf(subscriber))) === undefined) await publish();
        } else await publish();
        state = 'made';
      } catch (error) {
        failures += 1;
        if (failures === 1) log.warn({ err: error, subscriber }, 'subscriber cannot be registered, will try again');
      }
    },
  };
}
