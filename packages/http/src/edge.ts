import type { IncomingMessage, ServerResponse } from 'node:http';
import { createContext, currentContext, type RequestContext, runInContext } from '@stoa/service';
import type { FastifyInstance } from 'fastify';
import { setSecurityHeaders } from './security-headers.ts';

/**
 * What the instance that took the request from the network knows about it. It passes to the owner of the route on the raw
 * request, under a symbol: nothing that comes in from outside can set it.
 */
export interface Edge {
  readonly owner: FastifyInstance;
  readonly context: RequestContext;
  /** The client's address. */
  readonly address: string;
  readonly startedAt: number;
  /** The pattern of the route that took the request, for logs and metrics: never the path with its ids. */
  route: string;
  /** The service that owns the route. */
  service: string;
}

/** Watches one request from its edge on. */
export type WatchRequest = (request: IncomingMessage, response: ServerResponse, edge: Edge) => void;

const kEdge = Symbol('stoa.edge');

type EdgeRequest = IncomingMessage & { [kEdge]?: Edge };

/** The request's edge; every request that a Stoa instance serves has one. */
export const edgeOf = (raw: IncomingMessage): Edge => (raw as EdgeRequest)[kEdge] as Edge;

declare module 'fastify' {
  interface FastifyRequest {
    /** The client's address as the edge saw it. */
    readonly clientAddress: string;
    readonly context: RequestContext;
  }
}

/** Makes the first hook of an instance: opens the edge, or takes the one that the gateway opened over. */
export function installEdge(http: FastifyInstance, service: string, watch: WatchRequest): void {
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
    const route = request.routeOptions.url ?? '(none)';
    const edge = raw[kEdge] ?? openEdge(http, raw, reply.raw, service, route);
    if (edge.owner === http) watch(raw, reply.raw, edge);
    if (edge.owner !== http) {
      edge.route = route;
      edge.service = service;
    }
    if (currentContext() === edge.context) done();
    else runInContext(edge.context, done);
  });
}

function openEdge(owner: FastifyInstance, raw: EdgeRequest, response: ServerResponse, service: string, route: string): Edge {
  const { 'x-correlation-id': correlationId, traceparent } = raw.headers;
  const address = raw.socket?.remoteAddress ?? '';
  const edge: Edge = {
    owner,
    context: createContext({ correlationId, traceparent, address }),
    address,
    startedAt: performance.now(),
    route,
    service,
  };
  raw[kEdge] = edge;
  response.setHeader('x-correlation-id', edge.context.correlationId);
  setSecurityHeaders(response);
  return edge;
}
