import { collectDefaultMetrics, Registry } from 'prom-client';

export type Metrics = Registry;

/** One registry per process; every service registers its own instruments there, labelled with its name. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
