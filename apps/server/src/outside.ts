import { createMemoryRateLimiter, createUpstream, type RateLimiter, type Upstream } from '@stoa/http';
import { type Broker, createLocalBroker, createRabbitBroker } from '@stoa/messaging';
import type { RedisConnection } from '@stoa/redis';
import { type HealthPart, type Logger, type Metrics, systemClock } from '@stoa/service';
import { LOCAL } from './settings.ts';
import type { Topology } from './topology.ts';

/** What this process shares with others: the bus, Redis, and the services that run elsewhere. */
export interface Outside {
  readonly broker: Broker;
  readonly redis: RedisConnection | undefined;
  /** Exact over all copies where there is Redis. */
  readonly limiter: RateLimiter;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  health(): Promise<readonly HealthPart[]>;
  close(): Promise<void>;
}

export interface OutsideOptions {
  readonly topology: Pick<Topology, 'brokerUrl' | 'brokerPrefix' | 'redisUrl' | 'elsewhere' | 'here' | 'hasGateway'>;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Waits for none of them: each reconnects by itself. */
export async function openOutside({ topology, log, metrics }: OutsideOptions): Promise<Outside> {
  const broker = createBroker(topology, log);
  const redis = topology.redisUrl === undefined ? undefined : (await import('@stoa/redis')).connectRedis({ url: topology.redisUrl, log });
  const upstreams = new Map([...topology.elsewhere].map(([name, urls]) => [name, createUpstream({ name, urls, log, metrics })]));
  return {
    broker,
    redis,
    limiter: await createLimiter(redis, log),
    upstreams,
    async health() {
      // In one process there is no bus that could be unavailable.
      const bus = topology.brokerUrl === LOCAL ? [] : [{ name: 'broker', background: true as const, ...(await broker.health()) }];
      return [...bus, ...(redis === undefined ? [] : [redis.health()])];
    },
    async close() {
      await Promise.all([...upstreams.values()].map((upstream) => upstream.close()));
      await broker.close();
      await redis?.close();
    },
  };
}

function createBroker({ brokerUrl: url, brokerPrefix: prefix, here, hasGateway }: OutsideOptions['topology'], log: Logger): Broker {
  if (url === LOCAL) return createLocalBroker({ log });
  const name = [prefix, ...here, ...(hasGateway ? ['gateway'] : [])].join(' ');
  return createRabbitBroker({ url, prefix, log, name });
}

async function createLimiter(redis: RedisConnection | undefined, log: Logger): Promise<RateLimiter> {
  const fallback = createMemoryRateLimiter(systemClock);
  if (redis === undefined) return fallback;
  const { createRedisRateLimiter } = await import('@stoa/redis');
  return createRedisRateLimiter(redis, { fallback, log });
}
