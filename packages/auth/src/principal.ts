import type { FastifyRequest } from 'fastify';
import { authErrors } from './errors.ts';

/** A person with a session. */
export interface UserPrincipal {
  readonly kind: 'user';
  readonly id: string;
  readonly sessionId: string;
  readonly roles: readonly string[];
  readonly permissions: ReadonlySet<string>;
}

/** Another back end, by its API key. */
export interface ServiceAccountPrincipal {
  readonly kind: 'service-account';
  readonly id: string;
  readonly name: string;
  readonly permissions: ReadonlySet<string>;
}

/** A service of Stoa itself. */
export interface ServicePrincipal {
  readonly kind: 'service';
  readonly name: string;
}

/** The caller of a request, once its guard has verified it. */
export type Principal = UserPrincipal | ServiceAccountPrincipal | ServicePrincipal;

declare module 'fastify' {
  interface FastifyRequest {
    principal?: Principal | undefined;
  }
}

/** How an audit log names who did something. */
export type Actor = 'anonymous' | 'system' | 'command-line' | `user:${string}` | `service-account:${string}` | `service:${string}`;

export function actorOf(principal: Principal | undefined): Actor {
  if (principal === undefined) return 'anonymous';
  return principal.kind === 'service' ? `service:${principal.name}` : `${principal.kind}:${principal.id}`;
}

/** The principal of a route that requires one. @throws 401 `token_missing`. */
export function principalOf({ principal }: FastifyRequest): UserPrincipal | ServiceAccountPrincipal {
  if (principal === undefined || principal.kind === 'service') throw tokenMissing();
  return principal;
}

/** The caller of a request, as use cases see it: a person, or another back end. */
export interface Caller {
  readonly actor: Actor;
  /** Of a person, their account. */
  readonly userId: string | undefined;
  readonly permissions: ReadonlySet<string>;
}

/** The caller of a route that requires a token. @throws as `principalOf`. */
export function callerOf(request: FastifyRequest): Caller {
  const principal = principalOf(request);
  return {
    actor: actorOf(principal),
    userId: principal.kind === 'user' ? principal.id : undefined,
    permissions: principal.permissions,
  };
}

/** The person of a route for persons. @throws 401 `token_missing`; 403 `permission_denied` for a service account. */
export function userOf(request: FastifyRequest): UserPrincipal {
  const principal = principalOf(request);
  if (principal.kind !== 'user') throw authErrors.permission_denied({ message: 'This route is for persons, not for service accounts.' });
  return principal;
}

/** For an operation that only some callers of a route may use. @throws 401 `token_missing`; 403 `permission_denied`. */
export function requirePermission(request: FastifyRequest, permission: string): void {
  if (principalOf(request).permissions.has(permission)) return;
  throw authErrors.permission_denied({ message: `This needs the permission ${permission}.` });
}

/** RFC 6750 §3: the challenge names an error only where there were credentials. */
export const tokenMissing = () => authErrors.token_missing({ headers: { 'www-authenticate': 'Bearer realm="stoa"' } });
export const tokenInvalid = () =>
  authErrors.token_invalid({ headers: { 'www-authenticate': 'Bearer realm="stoa", error="invalid_token"' } });
