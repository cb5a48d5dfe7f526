import { deploymentOf } from '@stoa/service';
import { loadServices } from '../../apps/server/src/services.ts';

export type Role = 'all' | 'api' | 'worker';

/**
 * The roles of the processes of each service in the test topologies of many, in the order the services start. The api of one that is
 * scaled by load runs apart, as more of it must not matter to the work behind it; of the others each process does everything.
 */
export async function rolesOfServices(ofScaled: readonly Role[], ofOthers: readonly Role[]): Promise<ReadonlyMap<string, readonly Role[]>> {
  const definitions = await loadServices();
  return new Map(
    definitions.map((definition) => [definition.name, typeof deploymentOf(definition).api.copies === 'number' ? ofOthers : ofScaled]),
  );
}
