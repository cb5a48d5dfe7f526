import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
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
     * To be called a while before the close: the load balancer sees that this process is not ready, and connections are closed one after
     * the other, each with an answer. Requests are accepted as before.
     */
    drain(): void;
  }
}

const SWEEP_MS = 50;

export interface EndingLimits {
  /** From the beginning of a close until requests that have not come whole are refused. */
  readonly closeHalfMs: number;
  /** From the beginning of a close until every connection is cut, whatever goes on. */
  readonly closeMs: number;
}

/**
 * Makes a close take no longer than the answers in progress, and no longer than its limit. What still comes over a kept-alive connection
 * is refused with 503, which a client may safely repeat elsewhere; an instance behind the gateway leaves that to the gateway. Node closes the
 * connections that are idle when the close begins; one that becomes idle after that would be kept open for the whole keep-alive time, and the
 * close with it. Node also stops checking its own time limits once a close has begun: a client that sends half a request would hold it.
 */
export function installEnding(http: FastifyInstance, { closeHalfMs, closeMs }: EndingLimits): void {
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
    // Set on the response itself: it belongs to this hop, whichever service answers and whatever else is left to the gateway.
    reply.raw.setHeader('connection', 'close');
    if (ending.signal.aborted) done(httpErrors.service_unavailable());
    else done();
  });
  const sockets = new Set<Socket>();
  http.server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  function refuseHalf(): void {
    const error = Object.assign(new Error('the server closes'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
    for (const socket of sockets) if (isHalf(socket)) http.server.emit('clientError', error, socket);
  }
  http.addHook('preClose', async () => {
    ending.abort();
    const { server } = http;
    if (!server.listening) return;
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
    const half = setTimeout(refuseHalf, closeHalfMs);
    const all = setTimeout(() => server.closeAllConnections(), closeMs);
    server.once('close', () => {
      clearInterval(sweep);
      clearTimeout(half);
      clearTimeout(all);
    });
  });
}

/** Whether what came is no whole request yet, and no answer to it has begun to leave. Node attaches the current response to its socket. */
function isHalf(socket: Socket): boolean {
  const { _httpMessage: response } = socket as { _httpMessage?: ServerResponse | null };
  return !response || !(response.req.complete || response.headersSent);
}
