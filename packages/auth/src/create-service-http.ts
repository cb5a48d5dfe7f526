import { createHttp, type Http, type HttpOptions, installIdempotency } from '@stoa/http';
import { createPgIdempotency, type Database } from '@stoa/postgres';
import type { Clock, DeriveKey } from '@stoa/service';
import { installAccess } from './access.ts';
import type { Identity } from './identity.ts';
import { actorOf } from './principal.ts';

export interface ServiceHttpOptions<Schema> extends HttpOptions {
  /** Keeps the answers to `Idempotency-Key`; migrated with `houseMigrations`. */
  readonly database: Pick<Database<Schema>, 'query'>;
  readonly identity: Identity;
  readonly derive: DeriveKey;
  readonly clock: Clock;
}

/** The HTTP side of a service with a database: the house's defaults, `config.access` of its routes, and `config.idempotent` by caller. */
export async function createServiceHttp<Schema>(serviceOptions: ServiceHttpOptions<Schema>): Promise<Http> {
  const { database, identity, derive, clock, ...options } = serviceOptions;
  const http = await createHttp(options);
  installAccess(http, { identity, derive });
  installIdempotency(http, {
    store: createPgIdempotency(database.query),
    derive,
    clock,
    log: options.log,
    callerOf: ({ principal }) => principal && actorOf(principal),
  });
  return http;
}
