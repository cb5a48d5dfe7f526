import { createLog, type Environment } from '@stoa/service';
import { prepareDatabase } from '../migrations.ts';
import { withRuntime } from '../runtime.ts';
import { loadServices } from '../services.ts';
import { chosenServices, readSettings } from '../settings.ts';

/** Makes the database and role of each chosen service, and brings its tables up to date. A repeat changes nothing. */
export async function migrateAll(environment: Environment): Promise<void> {
  const settings = readSettings(environment, []);
  const definitions = await loadServices(chosenServices(environment));
  const log = createLog({ level: settings.config.LOG_LEVEL });
  await withRuntime(settings, log, async (databases) => {
    for (const definition of definitions) {
      await prepareDatabase(definition, databases, log);
      console.log(`${definition.name}: up to date`);
    }
  });
}
