import { actorOf, principalOf } from '@stoa/auth';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../application/administer.ts';

/** Who makes the request of a route that needs a permission. */
export function callerOf(request: FastifyRequest): Caller {
  const principal = principalOf(request);
  return {
    actor: actorOf(principal),
    userId: principal.kind === 'user' ? principal.id : undefined,
    permissions: principal.permissions,
  };
}
