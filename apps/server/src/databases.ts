import { messagingMigrations } from '@stoa/messaging';
import { createDatabase, ensureDatabase, migrate } from '@stoa/postgres';
import { createMetrics, type DeriveKey, type Environment, type Logger } from '@stoa/service';
import { StartProblem } from './start-problem.ts';

/**
 * Each service has its own database and its own role, `<prefix><service>`. The role's password is derived from the
 * house's secret, so that `stoa migrate`, which sets it, and the service, which uses it, need no exchange.
 */
export interface DatabasePlace {
  readonly adminUrl: string;
  readonly prefix: string;
  readonly derive: DeriveKey;
  /** For `<NAME>_DATABASE_URL`, which names a service's database outright. */
  readonly environment: Environment;
}

export function databaseUrl(service: string, { adminUrl, prefix, derive, environment }: DatabasePlace): string {
  const override = environment[`${service.toUpperCase()}_DATABASE_URL`];
  if (override) return override;
  const url = new URL(adminUrl);
  const name = prefix + service;
  url.username = name;
  url.password = derive(`database:${service}`).toString('base64url');
  url.pathname = `/${name}`;
  return url.href;
}

interface Migratable {
  readonly name: string;
  readonly migrations?: URL;
}

/** Makes the service's role and database where they lack, then brings the tables up to date. Safe under two starters. */
export async function prepareDatabase(service: Migratable, place: DatabasePlace, log: Logger): Promise<void> {
  if (service.migrations === undefined) return;
  const url = databaseUrl(service.name, place);
  if (!place.environment[`${service.name.toUpperCase()}_DATABASE_URL`]) {
    const { username, password, pathname } = new URL(url);
    await ensureDatabase({ adminUrl: place.adminUrl, database: pathname.slice(1), role: username, password });
  }
  const sources = [
    { name: 'messaging', directory: messagingMigrations },
    { name: service.name, directory: service.migrations },
  ];
  await migrate({ url, sources, log });
}

/** For an external server: says in one line what is wrong with a service's database, before anything starts to wait for it. */
export async function assertReachable(service: Migratable, place: DatabasePlace, log: Logger): Promise<void> {
  if (service.migrations === undefined) return;
  const url = databaseUrl(service.name, place);
  const database = createDatabase({ url, name: service.name, log, metrics: createMetrics(), maxConnections: 1 });
  const { ok, detail } = await database.health();
  await database.close();
  if (ok) return;
  const { host, pathname } = new URL(url);
  throw new StartProblem(
    `The database ${pathname.slice(1)} at ${host} cannot be used: ${detail}.`,
    'Check DATABASE_URL and that the server runs; "npx stoa migrate" makes the databases and roles.',
    69,
  );
}
