import { type Logger, type Metrics, traceIdOf } from '@stoa/service';
import { Histogram } from 'prom-client';
import type { WatchRequest } from './edge.ts';

const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** The status in log and metrics of a request whose client left before it was answered (nginx's number for it). */
const CLIENT_GONE = 499;
const METRIC = 'http_request_duration_seconds';

/**
 * One log line and one histogram sample per request, when its answer has left or its client has. At the edge alone: a service
 * that is handed a request has nothing to do for it.
 */
export function createRequestLog(log: Logger, metrics: Metrics): WatchRequest {
  const durations =
    (metrics.getSingleMetric(METRIC) as Histogram<'service' | 'method' | 'route' | 'status'> | undefined) ??
    new Histogram({
      name: METRIC,
      help: 'Time from the first byte of a request until its answer was sent, in seconds.',
      labelNames: ['service', 'method', 'route', 'status'],
      buckets: BUCKETS,
      registers: [metrics],
    });
  // A service's own log names the service already.
  const isNamed = 'service' in log.bindings();
  return (request, response, edge) => {
    response.once('close', () => {
      const status = response.headersSent ? response.statusCode : CLIENT_GONE;
      const { service, route, clientIp, context } = edge;
      const method = request.method as string;
      const milliseconds = performance.now() - edge.startedAt;
      if (!edge.isHeld) durations.observe({ service, method, route, status }, milliseconds / 1000);
      const line = {
        // One that is undefined is not written.
        service: isNamed ? undefined : service,
        method,
        path: pathOf(request.url as string),
        status,
        ms: Math.round(milliseconds * 10) / 10,
        clientIp,
        correlationId: context.correlationId,
        traceId: traceIdOf(context.traceparent),
        aborted: response.writableEnded ? undefined : true,
      };
      log[edge.isHeld ? 'debug' : 'info'](line, 'request');
    });
  };
}

/** Without the query, which may hold what should not be kept; shortened, as it is the client's. */
function pathOf(url: string): string {
  const end = url.indexOf('?');
  const path = end === -1 ? url : url.slice(0, end);
  return path.length > 200 ? `${path.slice(0, 200)}…` : path;
}
