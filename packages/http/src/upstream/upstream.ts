import type { Logger, Metrics } from '@stoa/service';
import { Counter } from 'prom-client';
import { type Addresses, createAddresses } from './addresses.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import { Exchange, type Outcome, type Receiver, type Route, type Sending, type UpstreamRequest } from './exchange.ts';

/** A service in other processes: connections to all of them, kept by this one. */
export interface Upstream {
  readonly name: string;
  /** Sends a request and streams its answer to the receiver. Repeats it on another address where that does no harm. */
  send(request: UpstreamRequest, receiver: Receiver): Sending;
  /** Ends all connections; requests in progress fail. */
  close(): Promise<void>;
}

export interface UpstreamOptions {
  /** The service's name. */
  readonly name: string;
  /** Where its processes are: `http://users:3000`, and any number more. All addresses of a name are used, and looked up again each second. */
  readonly urls: readonly string[];
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** So many requests in a row must fail, repeats counted as one, until no more are tried for a second. */
const FAILURES = 5;
const OPEN_MS = 1_000;

/** @throws TypeError for a URL that is none of http: or https:. */
export function createUpstream({ name, urls, log, metrics }: UpstreamOptions): Upstream {
  const addresses: Addresses = createAddresses(urls, (hostname, error) => {
    if (error === undefined) log.info({ upstream: name, hostname }, 'a name can be looked up again');
    else log.warn({ upstream: name, hostname, err: error }, 'a name cannot be looked up: it is tried once a second');
  });
  const breaker = createCircuitBreaker({
    failures: FAILURES,
    openMs: OPEN_MS,
    onChange: (isOpen) => {
      if (isOpen) log.warn({ upstream: name }, 'a service is away: it is tried once a second');
      else log.info({ upstream: name }, 'a service is back');
    },
  });
  const { requests, repeats } = countersIn(metrics);
  const route: Route = {
    service: name,
    addresses,
    breaker,
    count: (outcome: Outcome) => requests.inc({ upstream: name, outcome }),
    countRepeat: () => repeats.inc({ upstream: name }),
  };
  return {
    name,
    send(request, receiver) {
      const exchange = new Exchange(route, request, receiver);
      exchange.begin();
      return exchange;
    },
    close: () => addresses.close(),
  };
}

const REQUESTS = 'http_upstream_requests_total';
const REPEATS = 'http_upstream_repeats_total';

function countersIn(metrics: Metrics) {
  const requests =
    (metrics.getSingleMetric(REQUESTS) as Counter<'upstream' | 'outcome'> | undefined) ??
    new Counter({
      name: REQUESTS,
      help: 'Requests to services in other processes, by what became of them.',
      labelNames: ['upstream', 'outcome'],
      registers: [metrics],
    });
  const repeats =
    (metrics.getSingleMetric(REPEATS) as Counter<'upstream'> | undefined) ??
    new Counter({
      name: REPEATS,
      help: 'Requests that were sent again, as that does no harm.',
      labelNames: ['upstream'],
      registers: [metrics],
    });
  return { requests, repeats };
}
