import { services } from '@stoa/assembly';
import type { Identity } from '@stoa/auth';
import type { Locate, RateLimiter } from '@stoa/http';
import type { Broker } from '@stoa/messaging';
import type { RedisConnection } from '@stoa/redis';
import type { Clock, DeriveKey, Logger, Metrics, ServiceDefinition } from '@stoa/service';

/**
 * What every service is handed; each takes what it needs. What `config` and `database` really are only the service knows:
 * what its own schema loads, and its own tables.
 */
export interface ServiceDeps {
  readonly config: never;
  readonly database: never;
  readonly broker: Broker;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly derive: DeriveKey;
  readonly locate: Locate;
  readonly identity: Identity;
  /** Counts over all processes where there is Redis, else over this one. */
  readonly limiter: RateLimiter;
  readonly redis: RedisConnection | undefined;
  /** Whether this process relays, handles, cleans up and sends, or only answers. */
  readonly works: boolean;
  readonly instanceId: string;
}

type Load = () => Promise<ServiceDefinition<ServiceDeps>>;

const loads: Readonly<Record<string, Load>> = services;

export const GATEWAY = 'gateway';
/** In the order they start. */
export const serviceNames: readonly string[] = Object.keys(loads);

/** The definitions of those among `names` that stand behind the gateway, in the order they start. */
export const loadServices = (names: readonly string[] = serviceNames): Promise<readonly ServiceDefinition<ServiceDeps>[]> =>
  Promise.all(serviceNames.filter((name) => names.includes(name)).map((name) => (loads[name] as Load)()));
