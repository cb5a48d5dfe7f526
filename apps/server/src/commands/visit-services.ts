import { createDatabase, type Database } from '@stoa/postgres';
import { createLog, createMetrics, type Environment, type Logger } from '@stoa/service';
import { databaseUrl } from '../databases.ts';
import { withRuntime } from '../runtime.ts';
import { serviceNames } from '../services.ts';
import { readSettings } from '../settings.ts';
import { StartProblem } from '../start-problem.ts';

type Work = (service: string, database: Database<unknown>, log: Logger) => Promise<void>;

/**
 * For commands: the databases of the services one after the other, whether Stoa runs or not.
 * @param service instead of those that `SERVICES` names. @throws StartProblem for one that is not there.
 */
export async function visitServices(environment: Environment, service: string | undefined, work: Work): Promise<void> {
  const settings = readSettings(environment, []);
  const chosen = chooseServices(service ?? settings.config.SERVICES);
  const log = createLog({ level: 'warn' });
  await withRuntime(settings, log, async (databases) => {
    for (const name of chosen) {
      const url = databaseUrl(name, databases);
      const database = createDatabase<unknown>({ url, name, log, metrics: createMetrics(), maxConnections: 1 });
      try {
        await work(name, database, log);
      } finally {
        await database.close();
      }
    }
  });
}

function chooseServices(named: string): readonly string[] {
  const chosen = named === 'all' ? serviceNames : named.split(',').map((name) => name.trim());
  const unknown = chosen.find((name) => !serviceNames.includes(name));
  if (unknown !== undefined)
    throw new StartProblem(`There is no service "${unknown}" with a database.`, `Choose from ${serviceNames.join(', ')}.`, 64);
  return chosen;
}
