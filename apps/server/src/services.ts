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

/** Every service behind the gateway, in the order they start. The code of one is loaded only where it runs. */
const loads = {
  users: async () => (await import('@stoa/users')).users,
  mailer: async () => (await import('@stoa/mailer')).mailer,
} satisfies Record<string, Load>;

export type ServiceName = keyof typeof loads;

export const GATEWAY = 'gateway';
export const serviceNames = Object.keys(loads) as readonly ServiceName[];

/** The definitions of those among `names` that stand behind the gateway, in the order they start. */
export const loadServices = (names: readonly string[] = serviceNames): Promise<readonly ServiceDefinition<ServiceDeps>[]> =>
  Promise.all(serviceNames.filter((name) => names.includes(name)).map((name) => (loads[name] as Load)()));
