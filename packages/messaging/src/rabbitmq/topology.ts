import type { Channel } from 'rabbitmq-client';

/**
 * From RabbitMQ 4.0 a quorum queue drops what was given back twenty times, unless it says otherwise; 3.10 knows no "never". A connection
 * that is lost gives back, so that no number that could be reached may stand here.
 */
const DELIVERY_LIMIT = 1_000_000_000;

/** With an explicit encoding, the client leaves it to us to parse. */
export const JSON_TEXT = { contentType: 'application/json', contentEncoding: 'utf-8' };

/** The names of one installation on a server. Several installations may share one: each has its prefix. */
export interface Topology {
  readonly exchange: string;
  /** Names of the subscribers that ever had a queue: AMQP cannot list queues. */
  readonly registry: string;
  queueOf(subscriber: string): string;
  /** One key per subscriber, so that the server says of each whether their queue takes the type. */
  keyOf(subscriber: string, type: string): string;
  /** No service can have this name, so that no observer makes a message look as if a subscriber had it. */
  observersKeyOf(type: string): string;
  /** No queue has it: what is sent under it shows that the server answers. */
  readonly aliveKey: string;
}

export const createTopology = (prefix: string): Topology => ({
  exchange: `${prefix}.events`,
  registry: `${prefix}.registry`,
  queueOf: (subscriber) => `${prefix}.${subscriber}`,
  keyOf: (subscriber, type) => `${subscriber}.${type}`,
  observersKeyOf: (type) => `@observers.${type}`,
  aliveKey: '@observers.@alive',
});

export const declareExchange = (channel: Channel, { exchange }: Topology): Promise<void> =>
  channel.exchangeDeclare({ exchange, type: 'topic', durable: true });

/** The server leaves as it is what is there already. */
export async function bindQueue(channel: Channel, { exchange }: Topology, queue: string, routingKeys: readonly string[]): Promise<void> {
  for (const routingKey of routingKeys) await channel.queueBind({ exchange, queue, routingKey });
}

/** One consumer at a time takes from a queue and the others stand by, so that the messages of a key reach the inbox in their order. */
export async function declareQueue(channel: Channel, queue: string): Promise<void> {
  await channel.queueDeclare({
    queue,
    durable: true,
    arguments: { 'x-queue-type': 'quorum', 'x-single-active-consumer': true, 'x-delivery-limit': DELIVERY_LIMIT },
  });
}
