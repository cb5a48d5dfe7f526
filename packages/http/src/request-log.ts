import type { Logger, Metrics } from '@stoa/service';
import type { FastifyInstance } from 'fastify';
import { Histogram } from 'prom-client';
import { edgeOf } from './edge.ts';

const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const METRIC = 'http_request_duration_seconds';

/** One log line and one histogram sample per request, written by the instance that took it from the network. */
export function installRequestLog(http: FastifyInstance, log: Logger, metrics: Metrics): void {
  const durations =
    (metrics.getSingleMetric(METRIC) as Histogram<'service' | 'method' | 'route' | 'status'> | undefined) ??
    new Histogram({
      name: METRIC,
      help: 'Time from the first byte of a request until its answer was sent, in seconds.',
      labelNames: ['service', 'method', 'route', 'status'],
      buckets: BUCKETS,
      registers: [metrics],
    });
  http.addHook('onResponse', (request, reply, done) => {
    const edge = edgeOf(request.raw);
    if (edge?.owner === http) {
      const { statusCode } = reply.raw;
      const milliseconds = performance.now() - edge.startedAt;
      durations.observe({ service: edge.service, method: request.method, route: edge.route, status: statusCode }, milliseconds / 1000);
      log.info(
        { service: edge.service, method: request.method, path: pathOf(request.url), status: statusCode, ms: Math.round(milliseconds * 10) / 10, address: edge.address, correlationId: edge.context.correlationId },
        'request',
      );
    }
    done();
  });
}

/** Without the query, which may hold what should not be kept; shortened, as it is the client's. */
function pathOf(url: string): string {
  const end = url.indexOf('?');
  const path = end === -1 ? url : url.slice(0, end);
  return path.length > 200 ? `${path.slice(0, 200)}…` : path;
}
