import type { Metrics } from '@stoa/service';
import type pg from 'pg';
import { Gauge } from 'prom-client';

const NAME = 'stoa_database_connections';
const pools = new WeakMap<Metrics, Map<string, pg.Pool>>();

/** Counts the pool's connections, `state` being `busy`, `idle` or `waiting` (callers without one). @returns a function that ends it. */
export function registerPool(metrics: Metrics, name: string, pool: pg.Pool): () => void {
  const registered = pools.get(metrics) ?? createGauge(metrics);
  registered.set(name, pool);
  return () => registered.delete(name);
}

function createGauge(metrics: Metrics): Map<string, pg.Pool> {
  const registered = new Map<string, pg.Pool>();
  pools.set(metrics, registered);
  new Gauge({
    name: NAME,
    help: 'Pooled database connections, and callers waiting for one.',
    labelNames: ['database', 'state'],
    registers: [metrics],
    collect() {
      this.reset();
      for (const [database, { totalCount, idleCount, waitingCount }] of registered) {
        this.set({ database, state: 'busy' }, totalCount - idleCount);
        this.set({ database, state: 'idle' }, idleCount);
        this.set({ database, state: 'waiting' }, waitingCount);
      }
    },
  });
  return registered;
}
