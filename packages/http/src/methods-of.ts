import type { CacheRule } from './cache-rule.ts';

export interface DeclaredRoute {
  readonly method: string;
  readonly url: string;
  readonly cache?: CacheRule;
  readonly idempotent?: true;
  readonly waitSeconds?: number;
  /** Of a route with `cache`: the parameters, of its path and query, that are ids, which are the same in any letter case. */
  readonly ids?: readonly string[];
  /** Bytes of a body, where the route takes other than `BODY_BYTES`. */
  readonly bodyLimit?: number;
}

/**
 * The methods of a path, for `Allow`: needed only when the path does not have the requested one. Patterns are prepared at the
 * first call, when all routes are there; the path is read as the router reads it.
 */
export function createMethodsOf(routes: readonly DeclaredRoute[]): (url: string) => string[] {
  let patterns: { pattern: RegExp; method: string }[] | undefined;
  return (url) => {
    patterns ??= routes.map((route) => ({ pattern: patternOf(route.url), method: route.method }));
    const path = pathOf(url);
    return [...new Set(patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))].sort();
  };
}

/** Without authority (RFC 9112 §3.2.2) and query; percent-decoded but for what is reserved, so that `%2F` stays in its segment. */
function pathOf(url: string): string {
  const path = url.replace(/^https?:\/\/[^/]*/i, '').split(/[?#]/, 1)[0] as string;
  return decodeURI(path);
}

const patternOf = (url: string) => {
  const escaped = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/:\w+/g, '[^/]+').replace(/\*/g, '.*')}$`);
};
