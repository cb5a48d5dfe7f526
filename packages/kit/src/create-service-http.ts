import { actorOf, installAccess } from '@stoa/auth';
import { createHttp, type Http, type HttpOptions, installCallerLimits, installIdempotency } from '@stoa/http';
import { databaseErrors } from '@stoa/postgres';
import type { FastifyRequest } from 'fastify';
import { createPgIdempotency } from './idempotency/pg-idempotency.ts';
import type { ServiceDeps } from './service-deps.ts';

type Needed = 'database' | 'identity' | 'limiter' | 'derive' | 'clock' | 'log' | 'metrics';

/** The HTTP side of a service with a database: our defaults, `config.access` of its routes; `config.limit`, `config.idempotent` by caller. */
export async function createServiceHttp<Tables>(
  deps: Pick<ServiceDeps<unknown, Tables>, Needed>,
  options: Omit<HttpOptions, 'log' | 'metrics' | 'commonErrors'>,
): Promise<Http> {
  const { database, identity, limiter, derive, clock, log, metrics } = deps;
  const callerOf = ({ principal }: FastifyRequest) => principal && actorOf(principal);
  const http = await createHttp({ ...options, commonErrors: databaseErrors.catalogue, log, metrics });
  installAccess(http, { identity, derive });
  installCallerLimits(http, { limiter, callerOf });
  installIdempotency(http, { store: createPgIdempotency(database.query), derive, clock, log, callerOf });
  return http;
}
