import type { CacheRule } from '@stoa/http';
import { canonicalId } from '@stoa/service';
import type { FastifyRequest } from 'fastify';
import type { CacheKey } from './store.ts';

/** A route whose answers may be kept. */
export interface CachedRoute {
  /** The service that owns it. */
  readonly service: string;
  /** Its pattern. */
  readonly url: string;
  readonly cache: CacheRule;
  /** The parameters of path and query that are ids. */
  readonly ids: readonly string[];
}

/** Headers of a request that its answer may vary by. */
export const NEGOTIATED = ['accept', 'accept-encoding', 'origin'] as const;

/**
 * Everything that the answer depends on, as the service reads it: the route, the decoded parameters of its path, the query whatever its
 * order and encoding. JSON keeps them apart, whatever is in them.
 */
export function placeOf(route: CachedRoute, request: Pick<FastifyRequest, 'params' | 'query'>): CacheKey {
  const { url, cache, ids } = route;
  const parameters = withCanonicalIds(request.params as Readonly<Record<string, string>>, ids);
  const asked = withCanonicalIds(request.query as Readonly<Record<string, string | string[]>>, ids);
  const names = Object.keys(asked).sort();
  const key = JSON.stringify([url, Object.values(parameters), names.map((name) => [name, asked[name]])]);
  const dependsOn = new Set(Object.values(cache.invalidatedBy));
  dependsOn.delete('*');
  const tags = [...dependsOn].map((name) => pathTag(url, name, parameters[name] ?? ''));
  return { key, tags: [routeTag(url), ...tags] };
}

/** The services take an id in any letter case for the same. */
function withCanonicalIds<T extends string | string[]>(values: Readonly<Record<string, T>>, ids: readonly string[]): Record<string, T> {
  const canonical = { ...values };
  for (const name of ids) {
    const value = canonical[name];
    if (typeof value === 'string') canonical[name] = canonicalId(value) as T;
  }
  return canonical;
}

/** The place of one of several answers that differ by headers of the request. */
export const variantOf = ({ key, tags }: CacheKey, vary: readonly string[], request: Pick<FastifyRequest, 'headers'>): CacheKey => ({
  key: JSON.stringify([key, ...vary.map((name) => [name, request.headers[name] ?? null])]),
  tags,
});

/** What every answer of a route is kept under. */
export const routeTag = (url: string): string => url;

/** What the answers of one path are kept under: it begins with the route's tag and a line end, which no route has. */
export const pathTag = (url: string, parameter: string, value: string): string => `${url}\n${parameter}=${value}`;

/** The names in a `Vary` that count, in their order; undefined when it names others, or everything. */
export function negotiatedBy(vary: string | undefined): readonly string[] | undefined {
  if (vary === undefined) return [];
  const names = vary.split(',').map((name) => name.trim().toLowerCase());
  // A request with one of the first two is never answered from the cache.
  const counting = names.filter((name) => name !== '' && name !== 'authorization' && name !== 'cookie');
  return counting.every((name) => (NEGOTIATED as readonly string[]).includes(name)) ? [...new Set(counting)].sort() : undefined;
}
