import { actorOf, principalOf } from '@stoa/auth';
import type { FastifyRequest } from 'fastify';
import type { By } from '../application/administer.ts';

/** Who makes the request of a route that needs a permission. */
export function byOf(request: FastifyRequest): By {
  const principal = principalOf(request);
  return {
    actor: actorOf(principal),
    userId: principal.kind === 'user' ? principal.id : undefined,
    permissions: principal.permissions,
  };
}
