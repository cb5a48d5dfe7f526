import type { DeriveKey, Environment } from '@stoa/service';
import { databaseVariable } from './settings.ts';
import { StartProblem } from './start-problem.ts';

/**
 * Each service has its own database and its own role, `<prefix><service>`. The role's password is derived from the
 * installation's secret, so that `stoa migrate`, which sets it, and the service, which uses it, need no exchange.
 */
export interface DatabasePlace {
  /** Absent where each service's database is named outright. */
  readonly adminUrl: string | undefined;
  readonly prefix: string;
  readonly derive: DeriveKey;
  /** For `<NAME>_DATABASE_URL`, which names a service's database outright. */
  readonly environment: Environment;
}

export function databaseUrl(service: string, { adminUrl, prefix, derive, environment }: DatabasePlace): string {
  const override = environment[databaseVariable(service)];
  if (override) return override;
  const url = new URL(requireAdminUrl(adminUrl));
  const name = prefix + service;
  url.username = name;
  url.password = derive(`database:${service}`).toString('base64url');
  url.pathname = `/${name}`;
  return url.href;
}

/** @throws StartProblem where each service's database has to be named. */
export function requireAdminUrl(adminUrl: string | undefined): string {
  if (adminUrl !== undefined) return adminUrl;
  throw new StartProblem(
    'No database is configured.',
    'Set DATABASE_URL. (With BROKER_URL=local: and no configured database, Stoa starts its own.)',
    78,
  );
}
