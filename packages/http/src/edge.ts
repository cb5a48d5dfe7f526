import type { IncomingMessage, ServerResponse } from 'node:http';
import { createContext, currentContext, type RequestContext, runInContext } from '@stoa/service';
import type { FastifyInstance } from 'fastify';
import { setDefaultHeaders } from './default-headers.ts';
import { httpErrors } from './http-errors.ts';
import { endRequestSpan, startRequestSpan } from './request-spans.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

/**
 * What the instance that took the request from the network knows about it. It passes to the owner of the route on the raw
 * request, under a symbol: nothing that comes in from outside can set it.
 */
export interface Edge {
  readonly owner: FastifyInstance;
  readonly context: RequestContext;
  /** The client's IP: that of the connection, or what `setClientIp` said. */
  clientIp: string;
  readonly startedAt: number;
  /** The pattern of the route that took the request, for logs and metrics: never the path with its ids. */
  route: string;
  /** The service that owns the route. */
  service: string;
  /** Its route holds requests on purpose. */
  isHeld?: boolean;
}

/** Watches one request from its edge on. */
export type WatchRequest = (request: IncomingMessage, response: ServerResponse, edge: Edge) => void;

const kEdge = Symbol('stoa.edge');

type EdgeRequest = IncomingMessage & { [kEdge]?: Edge };

/** Sets the client's IP, as the gateway or a proxy in front of it names it and has proved that it may. */
export function setClientIp(raw: IncomingMessage, clientIp: string): void {
  const edge = edgeOf(raw);
  edge.clientIp = clientIp;
  // The same object is the context of what runs already.
  (edge.context as { clientIp?: string }).clientIp = clientIp;
}

/** The request's edge; every request that reaches a hook or a handler has one. */
export const edgeOf = (raw: IncomingMessage): Edge => (raw as EdgeRequest)[kEdge] as Edge;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Requests are held until there is a change: their number and time mean nothing, so they are logged at `debug` and not measured. */
    held?: boolean;
    /** How many seconds the head of an answer may take on purpose, as it waits for something: a proxy in between waits as long. */
    waitSeconds?: number;
  }
  interface FastifyRequest {
    /** The client's IP as the edge saw it. */
    readonly clientIp: string;
    readonly context: RequestContext;
  }
}

/** What opens edges at one instance. */
export type OpenEdge = (request: IncomingMessage, response: ServerResponse, route: string, isTraced?: boolean) => Edge;

/** Makes the first hook of an instance: opens the edge, or takes the one that the gateway opened over. */
export function installEdge(http: FastifyInstance, service: string, watch: WatchRequest): OpenEdge {
  const open: OpenEdge = (request, response, route, isTraced = true) => {
    const edge = openEdge(request, response, { owner: http, service, route, isTraced });
    watch(request, response, edge);
    return edge;
  };
  http.decorateRequest('clientIp', {
    getter() {
      return edgeOf(this.raw).clientIp;
    },
  });
  http.decorateRequest('context', {
    getter() {
      return edgeOf(this.raw).context;
    },
  });
  http.addHook('onRequest', (request, reply, done) => {
    const raw = request.raw as EdgeRequest;
    const route = request.routeOptions.url ?? NO_ROUTE;
    let edge = raw[kEdge];
    if (edge === undefined) {
      edge = open(raw, reply.raw, route, !request.routeOptions.config.held && !isOperation(route));
      // RFC 9112 §3.2: a server must.
      const hosts = hostsIn(raw.rawHeaders);
      if (hosts > 1 || (hosts === 0 && raw.httpVersion === '1.1')) {
        return done(httpErrors.malformed_request({ message: `The request has ${hosts === 0 ? 'no' : 'more than one'} header Host.` }));
      }
    } else {
      edge.route = route;
      edge.service = service;
    }
    if (request.routeOptions.config.held) edge.isHeld = true;
    if (currentContext() === edge.context) done();
    else runInContext(edge.context, done);
  });
  return open;
}

/** How many `Host` headers the request has: Node shows the first alone. Runs for each request, so most names are ruled out by length. */
function hostsIn(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && (name.charCodeAt(0) | 32) === 104 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts;
}

/** The route of a request that has none. */
export const NO_ROUTE = '(none)';

/** Polled by machines every few seconds: a trace of each would bury the others. */
const isOperation = (route: string): boolean => route.startsWith('/health/') || route === '/metrics';

interface Opening extends Pick<Edge, 'owner' | 'service' | 'route'> {
  readonly isTraced: boolean;
}

function openEdge(raw: EdgeRequest, response: ServerResponse, { isTraced, ...rest }: Opening): Edge {
  const { 'x-correlation-id': correlationId, traceparent, tracestate } = raw.headers;
  const clientIp = raw.socket?.remoteAddress ?? '';
  const received = { correlationId, traceparent, tracestate, clientIp };
  const { context, span } = isTraced ? startRequestSpan(raw, received) : { context: createContext(received) };
  const edge: Edge = { ...rest, context, clientIp, startedAt: performance.now() };
  raw[kEdge] = edge;
  if (span !== undefined)
    response.once('close', () => endRequestSpan(span, raw, response, edge.service, edge.route === NO_ROUTE ? undefined : edge.route));
  setDefaultHeaders(response, { 'x-correlation-id': context.correlationId, ...SECURITY_HEADERS });
  return edge;
}
