import type { Http } from '@stoa/http';
import type { Backend } from './backends/backend.ts';
import type { ResponseCache } from './cache/response-cache.ts';
import type { Limits } from './limits.ts';

/** What each instance answers for itself, and what only services may call. */
const OWN = /^\/(?:health\/|metrics$|internal\/)/;

/** Pages and what belongs to the process are not counted. */
const COUNTED = /^\/v1\//;

/** What comes before a request is handed over; what is absent is off. */
export interface Before {
  readonly responses: ResponseCache | undefined;
  readonly limits: Limits | undefined;
}

/** Declares the service's routes on the gateway; the last hook of each hands the request over. Two services with one route do not start. */
export function dispatchTo(gateway: Http, backend: Backend, { responses, limits }: Before): void {
  const limit = limits?.of(backend.isElsewhere);
  for (const route of backend.routes) {
    const { method, url, cache, ids = [] } = route;
    if (OWN.test(url)) continue;
    const handOver = backend.handOver(route);
    gateway.route({
      method,
      url,
      // The service has declared its HEAD routes too.
      exposeHeadRoute: false,
      config: { access: 'owner' },
      schema: { hide: true },
      onRequest: [
        ...(limit && COUNTED.test(url) ? [limit] : []),
        cache && method === 'GET' && responses ? responses.before({ service: backend.name, url, cache, ids }, handOver) : handOver,
      ],
      handler: () => {
        throw new Error('the service has answered already');
      },
    });
  }
}

/** Counts requests for the gateway's own routes that are declared from now on, before the caller is authorized: as for a service here. */
export function countOwn(gateway: Http, limits: Limits): void {
  const limit = limits.of(false);
  gateway.addHook('onRoute', (route) => {
    if (COUNTED.test(route.url) && route.config?.access !== 'owner') route.onRequest = [limit, ...[route.onRequest ?? []].flat()];
  });
}

/** Headers by which a client could claim to be somebody, or to come from somewhere, else. */
const FORGEABLE = /^(?:x-user|x-stoa|x-forwarded|x-real-ip|forwarded|x-client-ip|true-client-ip)/;

/** The authority of a whole URL, which a client may send as its target (RFC 9112 §3.2.2); routes are found by the rest. */
const AUTHORITY = /^https?:\/\/[^/?#]*\/?/i;

/**
 * Drops what a client could falsely claim: nothing behind the gateway may depend on it. Must be registered after what reads these headers
 * from trusted peers.
 */
export function dropClaims(gateway: Http): void {
  gateway.addHook('onRequest', ({ raw }, _reply, done) => {
    const { headers, url = '/' } = raw;
    // A slash: what nearly all begin with.
    if (url.charCodeAt(0) !== 47) raw.url = url.replace(AUTHORITY, '/');
    for (const name in headers) {
      // Only names that begin with x, f or t can match; most headers do not.
      const first = name.charCodeAt(0);
      if ((first === 120 || first === 102 || first === 116) && FORGEABLE.test(name)) delete headers[name];
    }
    done();
  });
}
