import type { Logger } from '@stoa/service';
import type { Broker } from '../broker.ts';
import { connectRabbit } from './connection.ts';
import { createPublisher } from './publisher.ts';
import type { SelfHealingChannel } from './self-healing-channel.ts';
import { keepObservation, keepSubscription } from './subscription.ts';
import { createTopology } from './topology.ts';

export interface RabbitBrokerOptions {
  /** `amqp://user:password@host:port/vhost`, or `amqps://…`. */
  readonly url: string;
  readonly log: Logger;
  /** Names this process among the server's connections. */
  readonly name: string;
  /** What the names of the exchange and the queues start with: tells apart installations that share a server. */
  readonly prefix?: string;
  /** A call of `publish` takes no longer than this. */
  readonly sendTimeoutMs?: number;
  /** An inbox that has not taken a batch for so long is given up for a while: that of another process may be in reach. */
  readonly giveUpMs?: number;
  /** How often the exchange and the bindings are declared again, in case they were deleted. */
  readonly repairMs?: number;
}

/**
 * The bus of many processes. Nothing waits for the server: it may come later, go and come back. Publishing has a connection of its own,
 * as a server that is short of memory blocks publishers, and what it holds must still be taken from it.
 */
export function createRabbitBroker(options: RabbitBrokerOptions): Broker {
  const { url, log, name, prefix = 'stoa', sendTimeoutMs = 10_000, giveUpMs = 30_000, repairMs = 60_000 } = options;
  const topology = createTopology(prefix);
  const publishing = connectRabbit({ url, log, name: `${name} publishes` });
  const consuming = connectRabbit({ url, log, name: `${name} consumes` });
  const publisher = createPublisher({ connection: publishing, topology, sendTimeoutMs });
  const kept = new Map<SelfHealingChannel, string>();
  const common = { consuming, publishing, topology, log, repairMs };

  async function keep(channel: SelfHealingChannel, what: string) {
    kept.set(channel, what);
    await channel.tried;
    return {
      async stop() {
        kept.delete(channel);
        await channel.stop();
      },
    };
  }

  return {
    publish: publisher.publish,
    subscribe: (subscriber, types, accept) =>
      keep(keepSubscription({ ...common, subscriber, types, accept, giveUpMs }), `the queue of ${subscriber}`),
    observe: (types, observer) => keep(keepObservation({ ...common, types, observer }), 'the queue of an observer'),
    async health() {
      const away = publishing.trouble() ?? consuming.trouble();
      if (away !== undefined) return { ok: false, detail: away };
      for (const [channel, what] of kept) {
        const trouble = channel.trouble();
        if (trouble !== undefined) return { ok: false, detail: `${what}: ${trouble}` };
      }
      return { ok: true };
    },
    async close() {
      await Promise.all([...kept.keys()].map((channel) => channel.stop()));
      kept.clear();
      publisher.close();
      await Promise.all([publishing.close(), consuming.close()]);
    },
  };
}
