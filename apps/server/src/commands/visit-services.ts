import { createDatabase, type Database } from '@stoa/postgres';
import { createLog, createMetrics, type Environment, type Logger } from '@stoa/service';
import { databaseUrl } from '../databases.ts';
import { withRuntime } from '../runtime.ts';
import { GATEWAY, serviceNames } from '../services.ts';
import { chosenServices, readSettings } from '../settings.ts';
import { StartProblem } from '../start-problem.ts';

type Work = (service: string, database: Database<unknown>, log: Logger) => Promise<void>;

/**
 * For commands: the databases of the services one after the other, whether Stoa runs or not.
 * @param service instead of those that `SERVICES` names. @throws StartProblem for an unknown one, or one whose tables lack migrations.
 */
export async function visitServices(environment: Environment, service: string | undefined, work: Work): Promise<void> {
  const settings = readSettings(environment, []);
  const names = service === undefined ? chosenServices(environment).filter((name) => name !== GATEWAY) : [known(service)];
  const log = createLog({ level: 'warn' });
  await withRuntime(settings, log, async (databases) => {
    for (const name of names) {
      const url = databaseUrl(name, databases);
      const database = createDatabase<unknown>({ url, name, log, metrics: createMetrics(), maxConnections: 1 });
      try {
        await work(name, database, log);
      } catch (error) {
        throw isNotMigrated(error) ? new StartProblem(`The database of ${name} cannot be used: ${error.message}.`, MIGRATE, 69) : error;
      } finally {
        await database.close();
      }
    }
  });
}

function known(service: string): string {
  if (serviceNames.includes(service)) return service;
  throw new StartProblem(`There is no service "${service}" with a database.`, `Choose from ${serviceNames.join(', ')}.`, 64);
}

const MIGRATE = 'Run "npx stoa migrate": it makes the databases, roles and tables, or brings them up to date.';

/** No such database, role, password, table or column: SQLSTATE. Commands do not load the services, whose files know what is missing. */
const isNotMigrated = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && /^(3D000|28000|28P01|42P01|42703)$/.test(String(error.code));
