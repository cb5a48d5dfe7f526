import { services } from '@stoa/assembly';
import type { ServiceDeps } from '@stoa/kit';
import type { ServiceDefinition } from '@stoa/service';

/** Only the service knows what `config` and `database` really are. */
type AnyDeps = Omit<ServiceDeps<never, never>, 'database'> & { readonly database: never };
type AnyDefinition = ServiceDefinition<AnyDeps>;

type Load = () => Promise<AnyDefinition>;

const loads: Readonly<Record<string, Load>> = services;

export const GATEWAY = 'gateway';
/** In the order they start. */
export const serviceNames: readonly string[] = Object.keys(loads);

/** The definitions of those among `names` that stand behind the gateway, in the order they start. */
export const loadServices = (names: readonly string[] = serviceNames): Promise<readonly AnyDefinition[]> =>
  Promise.all(serviceNames.filter((name) => names.includes(name)).map((name) => (loads[name] as Load)()));
