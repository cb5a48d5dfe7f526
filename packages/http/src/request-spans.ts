import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Received, type RequestContext, type Span, startReceivedSpan } from '@stoa/service';

/** Those of the conventions (RFC 9110 §9, RFC 5789); others are arbitrary client input. */
const METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE']);

/**
 * Begins the SERVER span of a request, by the stable HTTP conventions of OpenTelemetry. It leaves out what would reveal the caller and its
 * data: `url.path` holds ids and whatever a client mistypes, `url.query` and `client.address` more of the kind; `http.route` is enough.
 */
export function startRequestSpan(request: IncomingMessage, received: Received): { context: RequestContext; span?: Span } {
  return startReceivedSpan(received, () => ({
    kind: 'server',
    name: knownMethod(request.method) ?? 'HTTP',
    attributes: {
      'http.request.method': knownMethod(request.method) ?? '_OTHER',
      'url.scheme': 'http',
      'network.protocol.version': request.httpVersion,
    },
  }));
}

/** Ends the span with its answer, or without when the client had left. */
export function endRequestSpan(
  span: Span,
  request: IncomingMessage,
  response: ServerResponse,
  service: string,
  route: string | undefined,
): void {
  const method = knownMethod(request.method) ?? 'HTTP';
  if (route !== undefined) span.rename(`${method} ${route}`);
  span.set({ 'http.route': route, 'stoa.service': service });
  if (!response.headersSent) span.fail('client_gone');
  else {
    span.set({ 'http.response.status_code': response.statusCode });
    if (response.statusCode >= 500) span.fail(String(response.statusCode));
    else if (!response.writableEnded) span.fail('client_gone');
  }
  span.end();
}

export const knownMethod = (method = ''): string | undefined => (METHODS.has(method) ? method : undefined);
