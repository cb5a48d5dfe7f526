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
  /** The client's address: that of the connection, or what `setClientAddress` said. */
  address: string;
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

/** Sets the client's address, as somebody says who has proved that they are to be believed: the gateway, or a proxy in front of it. */
export function setClientAddress(raw: IncomingMessage, address: string): void {
  const edge = edgeOf(raw);
  edge.address = address;
  // The same object is the context of what runs already.
  (edge.context as { address?: string }).address = address;
}

/** The request's edge; every request that reaches a hook or a handler has one. */
export const edgeOf = (raw: IncomingMessage): Edge => (raw as EdgeRequest)[kEdge] as Edge;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Requests are held until there is news: their number and time say nothing, so that they are logged at `debug` and not measured. */
    held?: boolean;
    /** So many seconds the head of an answer may take on purpose, as it waits for something: a proxy in between waits as long. */
    waitSeconds?: number;
  }
  interface FastifyRequest {
    /** The client's address as the edge saw it. */
    readonly clientAddress: string;
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
  http.decorateRequest('clientAddress', {
    getter() {
      return edgeOf(this.raw).address;
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

/** How often the request says `Host`: Node shows the first alone. For each request, so that most names are told by their length. */
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

/** Asked by machines every few seconds: a trace of each would bury the others. */
const isOperation = (route: string): boolean => route.startsWith('/health/') || route === '/metrics';

interface Opening extends Pick<Edge, 'owner' | 'service' | 'route'> {
  readonly isTraced: boolean;
}

function openEdge(raw: EdgeRequest, response: ServerResponse, { isTraced, ...rest }: Opening): Edge {
  const { 'x-correlation-id': correlationId, traceparent, tracestate } = raw.headers;
  const address = raw.socket?.remoteAddress ?? '';
  const received = { correlationId, traceparent, tracestate, address };
  const { context, span } = isTraced ? startRequestSpan(raw, received) : { context: createContext(received) };
  const edge: Edge = { ...rest, context, address, startedAt: performance.now() };
  raw[kEdge] = edge;
  if (span !== undefined)
    response.once('close', () => endRequestSpan(span, raw, response, edge.service, edge.route === NO_ROUTE ? undefined : edge.route));
  setDefaultHeaders(response, { 'x-correlation-id': context.correlationId, ...SECURITY_HEADERS });
  return edge;
}
