import type { Identity } from '@stoa/auth';
import type { Locate } from '@stoa/http';
import { mailer } from '@stoa/mailer';
import type { Broker } from '@stoa/messaging';
import type { Clock, DeriveKey, Logger, Metrics, ServiceDefinition } from '@stoa/service';
import { users } from '@stoa/users';

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
  readonly instanceId: string;
}

/** Every service behind the gateway, in the order they start. */
export const serviceDefinitions: readonly ServiceDefinition<ServiceDeps>[] = [users, mailer];
