import type { Metrics } from '@stoa/service';
import { Counter, Histogram } from 'prom-client';

/** What the relay and the workers of one service report. */
export interface Observe {
  published(count: number): void;
  handled(consumer: string, milliseconds: number): void;
  failed(consumer: string): void;
}

interface Instruments {
  readonly published: Counter;
  readonly handled: Histogram;
  readonly failures: Counter;
}

const instruments = new WeakMap<Metrics, Instruments>();

/** The instruments of a registry are made once and shared by its services, which are told apart by the label `service`. */
function instrumentsOf(metrics: Metrics): Instruments {
  const known = instruments.get(metrics);
  if (known) return known;
  const registers = [metrics];
  const made: Instruments = {
    published: new Counter({ name: 'stoa_relay_published_total', help: 'Messages the bus took.', labelNames: ['service'], registers }),
    handled: new Histogram({
      name: 'stoa_inbox_handler_seconds',
      help: 'Time a handler took; its count is the number of messages handled.',
      labelNames: ['service', 'consumer'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
    failures: new Counter({
      name: 'stoa_inbox_failures_total',
      help: 'Failed tries of handlers.',
      labelNames: ['service', 'consumer'],
      registers,
    }),
  };
  instruments.set(metrics, made);
  return made;
}

export function createObserve(metrics: Metrics, service: string): Observe {
  const { published, handled, failures } = instrumentsOf(metrics);
  return {
    published: (count) => published.inc({ service }, count),
    handled: (consumer, milliseconds) => handled.observe({ service, consumer }, milliseconds / 1_000),
    failed: (consumer) => failures.inc({ service, consumer }),
  };
}
