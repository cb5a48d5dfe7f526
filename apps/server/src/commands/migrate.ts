import { createLog, type Environment } from '@stoa/service';
import { prepareDatabase } from '../databases.ts';
import { visitHouse } from '../house.ts';
import { serviceDefinitions } from '../services.ts';
import { readSettings } from '../settings.ts';

/** Makes every service's database and role, and brings their tables up to date. Can be repeated; changes nothing then. */
export async function migrateAll(environment: Environment): Promise<void> {
  const { config, resolved } = readSettings(environment, []);
  const log = createLog({ level: config.LOG_LEVEL });
  await visitHouse(config, resolved, log, async (databases) => {
    for (const definition of serviceDefinitions) {
      await prepareDatabase(definition, databases, log);
      console.log(`${definition.name}: up to date`);
    }
  });
}
