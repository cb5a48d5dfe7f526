import { Redis } from 'ioredis';
import { Connection } from 'rabbitmq-client';
import { serviceNames } from '../../apps/server/src/services.ts';

/** Removes what the system with this prefix has left at the broker: its exchange and queues, with all that waits in them. */
export async function emptyBroker(url: string, prefix: string): Promise<void> {
  const connection = new Connection({ url, connectionTimeout: 5_000 });
  const { promise: failed, reject } = Promise.withResolvers<never>();
  connection.on('error', reject);
  const emptied = (async () => {
    for (const queue of [...serviceNames, 'registry']) await connection.queueDelete({ queue: `${prefix}.${queue}` });
    await connection.exchangeDelete({ exchange: `${prefix}.events` });
  })();
  try {
    await Promise.race([emptied, failed]);
  } catch (cause) {
    throw new Error(`RabbitMQ does not answer at ${new URL(url).host}`, { cause });
  } finally {
    await connection.close();
  }
}

/** Removes all keys of one Redis database. */
export async function emptyRedis(url: string): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  // The error is thrown below.
  redis.on('error', () => {});
  try {
    await redis.connect();
    await redis.flushdb();
  } catch (cause) {
    throw new Error(`Redis does not answer at ${new URL(url).host}`, { cause });
  } finally {
    redis.disconnect();
  }
}
