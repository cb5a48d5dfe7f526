import { createDatabase } from '@stoa/postgres';
import { createMetrics, type Environment, type Logger, loadConfig, systemClock } from '@stoa/service';
import { createUsersAdministration, type UsersAdministration, users } from '@stoa/users';
import { type DatabasePlace, databaseUrl } from './databases.ts';

/** Administers the accounts without the running service, on two connections of its own. */
export async function administerUsers<T>(
  databases: DatabasePlace,
  environment: Environment,
  log: Logger,
  work: (administration: UsersAdministration) => Promise<T>,
): Promise<T> {
  const { derive } = databases;
  const config = loadConfig(users.config, environment);
  const url = databaseUrl(users.name, databases);
  const database = createDatabase({ url, name: users.name, log, metrics: createMetrics(), maxConnections: 2 });
  try {
    return await work(createUsersAdministration({ config, database: database as never, log, clock: systemClock, derive }));
  } finally {
    await database.close();
  }
}
