import type { Http } from '@stoa/http';
import type { Service } from '@stoa/service';

/** What each instance answers for itself, and what only services may call. */
const OWN = /^\/(?:health\/|metrics$|internal\/)/;

/**
 * Declares the service's routes on the gateway. The last hook of each takes the reply over and hands the raw request to the
 * service's own instance, as fast as if it had listened itself. Two services with one route do not start.
 */
export function dispatchTo(gateway: Http, { http }: Service): void {
  for (const { method, url } of (http as Http).declaredRoutes) {
    if (OWN.test(url)) continue;
    gateway.route({
      method,
      url,
      // The service has declared its HEAD routes too.
      exposeHeadRoute: false,
      config: { access: 'owner' },
      schema: { hide: true },
      onRequest: (request, reply) => {
        reply.hijack();
        http.routing(request.raw, reply.raw);
      },
      handler: () => {
        throw new Error('the service has answered already');
      },
    });
  }
}

/** Headers by which a client could claim to be somebody, or to come from somewhere, else. No proxy is trusted. */
const FORGEABLE = /^(?:x-user|x-stoa|x-forwarded|x-real-ip|forwarded|x-client-ip|true-client-ip)/;

export function dropForgedHeaders(gateway: Http): void {
  gateway.addHook('onRequest', (request, _reply, done) => {
    const { headers } = request.raw;
    for (const name in headers) {
      // Only names that begin with x, f or t can match; most headers do not.
      const first = name.charCodeAt(0);
      if ((first === 120 || first === 102 || first === 116) && FORGEABLE.test(name)) delete headers[name];
    }
    done();
  });
}
