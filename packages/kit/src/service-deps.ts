import type { Identity } from '@stoa/auth';
import type { Locate, RateLimiter } from '@stoa/http';
import type { Broker } from '@stoa/messaging';
import type { Database } from '@stoa/postgres';
import type { RedisConnection } from '@stoa/redis';
import type { Clock, DeriveKey, Logger, Metrics } from '@stoa/service';

/** What every service is handed; each takes what it needs. */
export interface ServiceDeps<Config, Tables> {
  /** What the service's own schema loads. */
  readonly config: Config;
  readonly database: Database<Tables>;
  readonly broker: Broker;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly derive: DeriveKey;
  readonly locate: Locate;
  /** This process's view of who has access. */
  readonly identity: Identity;
  /** Counts over all processes where there is Redis, else over this one. */
  readonly limiter: RateLimiter;
  readonly redis: RedisConnection | undefined;
  /** Whether this process relays, handles, cleans up and sends, or only answers. */
  readonly runsBackgroundWork: boolean;
  readonly instanceId: string;
}
