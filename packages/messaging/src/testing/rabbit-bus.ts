import { uuidv7 } from '@stoa/service';
import { Connection } from 'rabbitmq-client';
import type { Broker } from '../broker.ts';
import { createRabbitBroker } from '../rabbitmq/rabbit-broker.ts';
import { createTopology } from '../rabbitmq/topology.ts';
import type { BusUnderTest } from './bus-under-test.ts';
import { silent } from './copies.ts';

/** The server that the services tier is given. */
export const RABBITMQ_URL = 'amqp://guest:guest@127.0.0.1:5672';

/** An installation of its own on the server at `url`, removed with `close`. */
export function openRabbitBus(url: string = RABBITMQ_URL): BusUnderTest & { readonly prefix: string } {
  const prefix = `test-${uuidv7()}`;
  const brokers: Broker[] = [];
  return {
    prefix,
    connect() {
      const broker = createRabbitBroker({ url, log: silent, name: prefix, prefix });
      brokers.push(broker);
      return broker;
    },
    async close() {
      await Promise.all(brokers.map((broker) => broker.close()));
      await removeInstallation(url, prefix);
    },
  };
}

async function removeInstallation(url: string, prefix: string): Promise<void> {
  const { exchange, registry, queueOf } = createTopology(prefix);
  const client = new Connection(url);
  for (const queue of [...['receiver', 'mailer'].map(queueOf), registry]) await client.queueDelete({ queue });
  await client.exchangeDelete({ exchange });
  await client.close();
}
