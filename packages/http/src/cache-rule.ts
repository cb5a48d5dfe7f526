import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { dropDefaultHeader } from './default-headers.ts';

/**
 * Declares that the answer of a public GET is the same for everybody, so that the gateway may keep it. It depends on the path, the
 * query, `Accept`, `Accept-Encoding` and `Origin` (those that its `Vary` names) and on nothing else: other headers do not reach it.
 */
export interface CacheRule {
  /** How long the gateway answers without asking the service, unless one of the events comes. */
  readonly maxAgeSeconds: number;
  /** Type of an event → the parameter of the path that equals the event's key, or `*`: every answer of the route has changed. */
  readonly invalidatedBy: Readonly<Record<string, string>>;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answers of a public GET that the gateway may keep. Those to requests with `Authorization` or `Cookie` are never kept. */
    cache?: CacheRule;
  }
}

/** Seconds for which a cache in front of the system may show an answer without asking: no event reaches it. */
const OUTSIDE_SECONDS = 5;

/**
 * What other caches may do with a public answer of this age. A browser revalidates each time, and mostly gets 304: what was deleted is
 * gone at the next request. A shared cache in front may keep it for seconds (RFC 9111 §5.2.2.10, counted from when the answer was made).
 */
export function publicCacheControl({ maxAgeSeconds }: CacheRule, ageSeconds = 0): string {
  return `public, max-age=0, s-maxage=${Math.min(maxAgeSeconds, ageSeconds + OUTSIDE_SECONDS)}, must-revalidate`;
}

/** Whether the request has credentials: its answer is for nobody else. */
export const hasCredentials = (headers: IncomingHttpHeaders): boolean =>
  headers.authorization !== undefined || headers.cookie !== undefined;

/**
 * Sets the headers of routes with `config.cache`: `Cache-Control` and `Vary` where a request without credentials is answered with 200,
 * unless the handler sets its own; `no-store` for all else, as everywhere.
 */
export function installCacheRules(http: FastifyInstance): void {
  http.addHook('onRoute', (route) => {
    const rule = route.config?.cache;
    if (rule === undefined) return;
    check(route, rule);
    route.onRequest = [
      (request, reply, done) => {
        // Our default would hide what the handler sets.
        if (!hasCredentials(request.headers)) dropDefaultHeader(reply.raw, 'cache-control');
        done();
      },
      ...[route.onRequest ?? []].flat(),
    ];
    route.onSend = [
      ...[route.onSend ?? []].flat(),
      (request, reply, payload, done) => {
        if (!hasCredentials(request.headers) && !reply.hasHeader('cache-control')) {
          const isPublic = reply.statusCode === 200 || reply.statusCode === 304;
          void reply.header('cache-control', isPublic ? publicCacheControl(rule) : 'no-store');
          if (isPublic) void reply.header('vary', [reply.getHeader('vary') ?? [], 'authorization, cookie'].flat().join(', '));
        }
        done(null, payload);
      },
    ];
  });
}

/** The parameters of path and query that are ids. */
export const idNamesIn = ({ params, querystring }: FastifySchema = {}): string[] =>
  [params, querystring].flatMap((part) =>
    Object.entries((part as Parameters | undefined)?.properties ?? {}).flatMap(([name, { format }]) => (format === 'uuid' ? [name] : [])),
  );

interface Parameters {
  readonly properties?: Readonly<Record<string, { readonly format?: string }>>;
}

/** @throws Error for a rule that could not hold. */
function check({ method, url }: RouteOptions, { maxAgeSeconds, invalidatedBy }: CacheRule): void {
  const route = `${String(method)} ${url}`;
  if ([method].flat().some((each) => each !== 'GET' && each !== 'HEAD')) throw new Error(`${route}: only a GET may have config.cache`);
  if (!(maxAgeSeconds > 0)) throw new Error(`${route}: config.cache.maxAgeSeconds must be above 0`);
  const parameters = new Set([...url.matchAll(/:(\w+)/g)].map(([, name]) => name));
  const unknown = Object.values(invalidatedBy).find((parameter) => parameter !== '*' && !parameters.has(parameter));
  if (unknown !== undefined) throw new Error(`${route}: config.cache.invalidatedBy names "${unknown}", which is no parameter of the path`);
}
