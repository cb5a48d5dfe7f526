import { askUsers, createIdentity, HOLD_SECONDS, type Identity, serviceCredential } from '@stoa/auth';
import { asyncApi } from '@stoa/contracts';
import { createCaller, type Http, type Locate } from '@stoa/http';
import { createDatabase } from '@stoa/postgres';
import { createMetrics, type DeriveKey, type Environment, type Logger, loadConfig, type Service, systemClock, uuidv7 } from '@stoa/service';
import { openOutside } from './outside.ts';
import { loadServices } from './services.ts';
import type { Topology } from './topology.ts';

export interface WiringOptions {
  readonly topology: Topology;
  readonly environment: Environment;
  readonly derive: DeriveKey;
  readonly log: Logger;
  /** Where the database of a service is. */
  databaseUrl(service: string): string;
}

export interface Wired {
  /** The services behind the gateway, in the order they start. */
  readonly services: readonly Service[];
  /** The one whose routes are open to the world: the gateway, or the only service there is. */
  readonly front: Service;
  /** Who has access, for every guard of the process; to be started once the services answer. */
  readonly identity: Identity;
  /** Closes the pools and what leads outside. */
  close(): Promise<void>;
}

/** Makes the services of this process and ties them together and to the others. Opens nothing yet. */
export async function wire({ topology, environment, derive, log, databaseUrl }: WiringOptions): Promise<Wired> {
  const metrics = createMetrics();
  const outside = await openOutside({ topology, log, metrics });
  const { broker, redis, limiter, upstreams } = outside;
  const made = new Map<string, Service>();
  const closing: (() => Promise<void>)[] = [() => outside.close()];
  const locate: Locate = (name) => {
    const service = made.get(name);
    if (service !== undefined) return { inject: service.http.inject.bind(service.http) };
    const upstream = upstreams.get(name);
    return upstream && { upstream };
  };
  const callUsers = createCaller({ locate, credential: serviceCredential(derive, 'identity'), timeoutMs: (HOLD_SECONDS + 5) * 1_000 });
  const identity = createIdentity({ ask: askUsers(callUsers), log, clock: systemClock });
  const { runsBackgroundWork } = topology;
  const shared = {
    broker,
    redis,
    limiter,
    runsBackgroundWork,
    metrics,
    clock: systemClock,
    derive,
    locate,
    identity,
    instanceId: uuidv7(),
  };

  for (const definition of await loadServices(topology.here)) {
    const { name } = definition;
    const serviceLog = log.child({ service: name });
    const database = createDatabase({ url: databaseUrl(name), name, log: serviceLog, metrics });
    closing.unshift(() => database.close());
    const config = loadConfig(definition.config, environment);
    made.set(name, await definition.create({ ...shared, config: config as never, database: database as never, log: serviceLog }));
  }

  const services = [...made.values()];
  let front = services[0] as Service;
  if (topology.hasGateway) {
    const { gateway } = await import('@stoa/gateway');
    front = await gateway.create({
      config: loadConfig(gateway.config, environment),
      metrics,
      log,
      derive,
      identity,
      services,
      elsewhere: [...upstreams.values()],
      broker,
      redis,
      limiter,
      asyncApi: asyncApi(),
    });
  }
  const processHealth = async () => [identity.health(), ...(await outside.health())];
  for (const name of ['', ...topology.ports.keys()]) {
    const listening = made.get(name) ?? front;
    (listening.http as Http).healthSources.push(processHealth);
  }
  await Promise.all([...services, front].map((service) => service.http.ready()));
  return {
    services,
    front,
    identity,
    close: async () => {
      for (const close of closing) await close();
    },
  };
}
