import type { Service } from '@stoa/service';
import { type DatabasePlace, databaseUrl } from './databases.ts';
import { assertMigrated, prepareDatabase } from './migrations.ts';
import { loadServices } from './services.ts';
import { type Wired, type WiringOptions, wire } from './wiring.ts';

/** The running services of this process. */
export interface Platform {
  readonly front: Service;
  /** The services that are here, the gateway not counted. */
  readonly services: readonly Service[];
  /** Makes load balancers turn away from this process, which still takes requests. Call it a while before `stop`. */
  drain(): void;
  /** Refuses new requests, finishes those in progress, then the background work, then closes the connections. */
  stop(): Promise<void>;
}

export interface PlatformOptions extends Omit<WiringOptions, 'databaseUrl'> {
  readonly databases: DatabasePlace;
  /** Whether to bring the databases up to date first; else `stoa migrate` must have done so. */
  readonly migrate: boolean;
}

export async function startPlatform({ databases, migrate, ...options }: PlatformOptions): Promise<Platform> {
  const { topology, log } = options;
  const definitions = await loadServices(topology.here);
  await Promise.all(definitions.map((definition) => (migrate ? prepareDatabase : assertMigrated)(definition, databases, log)));
  const wired = await wire({ ...options, databaseUrl: (service) => databaseUrl(service, databases) });
  const started: Service[] = [];
  try {
    for (const service of new Set([...wired.services, wired.front])) {
      started.unshift(service);
      await service.start();
    }
    await wired.identity.start();
  } catch (error) {
    await stopAll(wired, started);
    throw error;
  }
  return {
    front: wired.front,
    services: wired.services,
    drain() {
      for (const { http } of [wired.front, ...wired.services]) http.drain();
    },
    stop: () => stopAll(wired, started),
  };
}

/**
 * A part that cannot stop does not keep the others from stopping; the first error is thrown at the end. A close may take
 * `CLOSE_MS`, and `STOP_LIMIT_MS` counts two of them: so those of the services' own ports are one.
 */
async function stopAll({ front, services, identity, close }: Wired, started: readonly Service[]) {
  const steps = [
    () => front.http.close(),
    () => identity.stop(),
    ...started.map((service) => () => service.stop()),
    () => Promise.all(services.map((service) => service.http.close())),
    close,
  ];
  const troubles: unknown[] = [];
  for (const step of steps) await Promise.resolve(step()).catch((error: unknown) => troubles.push(error));
  if (troubles.length > 0) throw troubles[0];
}
