import { deploymentOf } from '@stoa/service';
import { loadServices } from '../../apps/server/src/services.ts';

export type Role = 'all' | 'api' | 'worker';

/**
 * The roles of the processes of each service in the test topologies of many, in the order the services start. When a service is scaled by
 * load, its api runs apart, as more copies of the api must not affect the work behind it; each process of other services does everything.
 */
export async function rolesOfServices(ofScaled: readonly Role[], ofOthers: readonly Role[]): Promise<ReadonlyMap<string, readonly Role[]>> {
  const definitions = await loadServices();
  return new Map(
    definitions.map((definition) => [definition.name, typeof deploymentOf(definition).api.copies === 'number' ? ofOthers : ofScaled]),
  );
}
