import { setMaxListeners } from 'node:events';
import type { FastifyInstance } from 'fastify';
import { edgeOf } from './edge.ts';
import { httpErrors } from './http-errors.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Aborted when this instance begins to close: answers that wait or stream end then, else the close waits for them. */
    readonly ending: AbortSignal;
    /** Whether `drain` was called. */
    readonly isDraining: boolean;
    /**
     * To be called a while before the close: who balances the load sees that this process is not ready, and connections are given up one
     * after the other, each with an answer. Requests are taken as before.
     */
    drain(): void;
  }
}

const SWEEP_MS = 50;

/**
 * Makes a close take no longer than the answers in hand. What still comes over a connection that was kept alive is refused
 * with 503, which a client may safely repeat elsewhere; an instance behind the gateway leaves that to the gateway. Node closes the connections that are idle when the close begins;
 * one that becomes idle after that would be kept open for the whole keep-alive time, and the close with it.
 */
export function installEnding(http: FastifyInstance): void {
  const ending = new AbortController();
  // Every answer that waits listens to it, and there may be many.
  setMaxListeners(0, ending.signal);
  http.decorate('ending', ending.signal);
  let isDraining = false;
  http.decorate('isDraining', { getter: () => isDraining });
  http.decorate('drain', () => {
    isDraining = true;
  });
  http.addHook('onRequest', (request, reply, done) => {
    if ((!isDraining && !ending.signal.aborted) || edgeOf(request.raw).owner !== http) return done();
    // Set on the response itself: it is said on this hop, whoever answers and whatever else is left to the gateway.
    reply.raw.setHeader('connection', 'close');
    if (ending.signal.aborted) done(httpErrors.service_unavailable());
    else done();
  });
  http.addHook('preClose', async () => {
    ending.abort();
    if (!http.server.listening) return;
    const sweep = setInterval(() => http.server.closeIdleConnections(), SWEEP_MS);
    http.server.once('close', () => clearInterval(sweep));
  });
}
