import { type Http, mergeProblems, problems } from '@stoa/http';
import type { DeriveKey } from '@stoa/service';
import type { FastifyRequest, FastifySchema } from 'fastify';
import { authErrors } from './errors.ts';
import { installForwarded } from './forwarded.ts';
import type { Identity } from './identity.ts';
import { type Principal, tokenMissing, userOf } from './principal.ts';
import { verifyServiceCredential } from './service-credential.ts';

/**
 * Who may call a route: `anyone` (a bad token is refused all the same), a `user` with a session, a user or service account with
 * a permission, a `service` of Stoa itself. Routes with `basic` guard themselves; those of an `owner` are handed to it.
 */
export type Access = 'anyone' | 'user' | 'service' | 'basic' | 'owner' | { readonly permission: string };

/** A route and who may call it, as `installAccess` found it declared. */
export interface RouteAccess {
  readonly method: string;
  readonly url: string;
  readonly access: Access;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Who may call what, in the order of declaration. */
    readonly routeAccess: readonly RouteAccess[];
  }
  interface FastifyContextConfig {
    access?: Access;
  }
}

/** Prefixes below which every route must say who may call it. */
const GUARDED = /^\/(?:v1|internal)\//;
/** RFC 6750 §2.1. */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;
const NOT_READABLE = 'bearer ';

/**
 * Enforces `config.access` of every route that is declared from now on, before its body is read and again once it is complete, and shows it
 * in the description. A route below /v1/ or /internal/ without it keeps the service from starting. The client's IP address is taken from
 * the gateway, where a request comes through it.
 */
export function installAccess(http: Http, { identity, derive }: { identity: Identity; derive: DeriveKey }): void {
  const described = new WeakSet<object>();

  const routeAccess: RouteAccess[] = [];

  installForwarded(http, derive);
  http.decorate('routeAccess', routeAccess);
  http.decorateRequest('principal', undefined);
  http.addHook('onRoute', (route) => {
    const access = route.config?.access;
    if (access === undefined) {
      if (GUARDED.test(route.url)) throw new Error(`${String(route.method)} ${route.url} does not say who may call it: config.access`);
      return;
    }
    for (const method of [route.method].flat()) if (method !== 'HEAD') routeAccess.push({ method, url: route.url, access });
    if (access === 'basic' || access === 'owner') return;
    const guard = async (request: FastifyRequest) => {
      request.principal = await admit(request, access);
    };
    route.onRequest = [guard, ...[route.onRequest ?? []].flat()];
    // A body may arrive slowly: its sender must still have access once it is complete, before anything is done with it.
    if (access !== 'service' && mayHaveBody(route.method)) route.preHandler = [guard, ...[route.preHandler ?? []].flat()];
    // A HEAD route shares the schema of the GET that it is made from.
    if (route.schema === undefined || described.has(route.schema)) return;
    describe(route.schema, access);
    described.add(route.schema);
  });

  async function admit(request: FastifyRequest, access: Exclude<Access, 'basic' | 'owner'>): Promise<Principal | undefined> {
    const { authorization } = request.headers;
    if (access === 'service') return serviceOf(authorization);
    const token = bearerToken(authorization);
    const principal = token === undefined ? undefined : await identity.authenticate(token);
    if (access === 'anyone') return principal;
    if (principal === undefined) throw tokenMissing();
    request.principal = principal;
    if (access === 'user') return userOf(request);
    if (principal.kind === 'service' || !principal.permissions.has(access.permission)) {
      throw authErrors.permission_denied({ message: `This needs the permission ${access.permission}.` });
    }
    return principal;
  }

  function serviceOf(authorization: string | undefined): Principal {
    const name = verifyServiceCredential(derive, authorization);
    if (name === undefined) throw authErrors.service_credential_invalid({ headers: { 'www-authenticate': 'Service realm="stoa"' } });
    return { kind: 'service', name };
  }
}

const mayHaveBody = (methods: string | readonly string[]): boolean =>
  [methods].flat().some((method) => method !== 'GET' && method !== 'HEAD');

/** The token of a Bearer header, undefined for another scheme. A malformed token is '', so that it is refused and not overlooked. */
export function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.slice(0, NOT_READABLE.length).toLowerCase() !== NOT_READABLE) return undefined;
  return BEARER.exec(authorization)?.[1] ?? '';
}

function describe(schema: FastifySchema, access: Exclude<Access, 'basic' | 'owner'>): void {
  if (access === 'service') {
    schema.response = mergeProblems(problems(authErrors, 'service_credential_invalid'), schema.response ?? {});
    schema.security ??= [{ service: [] }];
    return;
  }
  const refusals = problems(
    authErrors,
    ...(access === 'anyone' ? [] : (['token_missing'] as const)),
    'token_invalid',
    ...(access === 'anyone' ? [] : (['permission_denied'] as const)),
    'identity_stale',
  );
  schema.response = mergeProblems(refusals, schema.response ?? {});
  schema.security ??= access === 'anyone' ? [{}, { bearer: [] }] : [{ bearer: [] }];
  if (typeof access !== 'object') return;
  const line = `Needs the permission \`${access.permission}\`.`;
  schema.description = schema.description ? `${schema.description}\n\n${line}` : line;
}
