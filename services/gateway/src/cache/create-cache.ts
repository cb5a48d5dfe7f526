import type { RedisConnection } from '@stoa/redis';
import type { Clock, Logger, Metrics } from '@stoa/service';
import { type Static, Type } from 'typebox';
import { createMemoryStore } from './memory-store.ts';
import { createRedisStore } from './redis-store.ts';
import { createResponseCache, type ResponseCache } from './response-cache.ts';

export const cacheConfig = {
  RESPONSE_CACHE_BYTES: Type.Integer({
    default: 33_554_432,
    minimum: 0,
    description: 'Memory for public answers that the gateway keeps, in each of its processes; 0 keeps none.',
  }),
};

/** The largest answer that is kept, as a part of the memory for all of them, and at most. */
const LARGEST_PART = 0.05;
const LARGEST_BYTES = 262_144;

export interface GatewayCacheOptions {
  readonly config: Static<ReturnType<typeof Type.Object<typeof cacheConfig>>>;
  /** Shared by the copies of the gateway, where there is one. */
  readonly redis: RedisConnection | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** @returns undefined when none is wanted. */
export function createGatewayCache({ config, redis, clock, log, metrics }: GatewayCacheOptions): ResponseCache | undefined {
  const maxBytes = config.RESPONSE_CACHE_BYTES;
  if (maxBytes === 0) return undefined;
  return createResponseCache({
    memory: createMemoryStore({ clock, maxBytes }),
    shared: redis && createRedisStore(redis, clock),
    clock,
    log,
    metrics,
    maxEntryBytes: Math.min(LARGEST_BYTES, Math.floor(maxBytes * LARGEST_PART)),
  });
}
