import { migrationSourcesOf } from '@stoa/kit';
import { ensureDatabase, migrate, pendingMigrations } from '@stoa/postgres';
import type { Logger } from '@stoa/service';
import { type DatabasePlace, databaseUrl, requireAdminUrl } from './databases.ts';
import { databaseVariable } from './settings.ts';
import { StartProblem } from './start-problem.ts';

interface Migratable {
  readonly name: string;
  readonly migrations?: URL;
}

/** Creates the service's role and database if they are missing, then brings the tables up to date. Two processes may do so at once. */
export async function prepareDatabase(service: Migratable, place: DatabasePlace, log: Logger): Promise<void> {
  if (service.migrations === undefined) return;
  const url = databaseUrl(service.name, place);
  if (!place.environment[databaseVariable(service.name)]) {
    const { username, password, pathname } = new URL(url);
    await ensureDatabase({ adminUrl: requireAdminUrl(place.adminUrl), database: pathname.slice(1), role: username, password });
  }
  await migrate({ url, sources: migrationSourcesOf(service), log });
}

/** The migrations that the database of a service lacks. */
export const pendingOf = (service: Migratable, place: DatabasePlace, log: Logger): Promise<string[]> =>
  pendingMigrations({ url: databaseUrl(service.name, place), sources: migrationSourcesOf(service), log });

/** For an external server, whose tables `stoa migrate` makes: reports in one line what is wrong before anything is served from them. */
export async function assertMigrated(service: Migratable, place: DatabasePlace, log: Logger): Promise<void> {
  if (service.migrations === undefined) return;
  const url = databaseUrl(service.name, place);
  const { host, pathname } = new URL(url);
  const pending = await pendingOf(service, place, log).catch((error: Error) => {
    throw new StartProblem(
      `The database ${pathname.slice(1)} at ${host} cannot be used: ${error.message}.`,
      'Check DATABASE_URL and that the server runs; "npx stoa migrate" makes the databases and roles.',
      69,
    );
  });
  if (pending.length === 0) return;
  throw new StartProblem(`The database ${pathname.slice(1)} at ${host} lacks ${pending.join(', ')}.`, 'Run "npx stoa migrate" first.', 69);
}
