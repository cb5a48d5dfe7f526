import type { Metrics } from '@stoa/service';
import { Counter, Gauge, Histogram } from 'prom-client';

/** The caller and the target. */
interface Labels {
  readonly service: string;
  readonly target: string;
}

/** `refused`: an answer that refuses. `failed`: no answer. */
type Ending = 'answered' | 'refused' | 'failed' | 'timeout' | 'aborted';

const instruments = new WeakMap<Metrics, ReturnType<typeof createInstruments>>();

function createInstruments(registry: Metrics) {
  const registers = [registry];
  return {
    calls: new Histogram({
      name: 'stoa_external_call_seconds',
      help: 'How long calls of external services take, by how they end.',
      labelNames: ['service', 'target', 'ending'],
      buckets: [0.02, 0.1, 0.25, 0.5, 1, 2.5, 10, 30],
      registers,
    }),
    refused: new Counter({
      name: 'stoa_external_calls_not_sent_total',
      help: 'Calls of external services that were not sent: the circuit was open, or the bulkhead full.',
      labelNames: ['service', 'target', 'reason'],
      registers,
    }),
    circuit: new Gauge({
      name: 'stoa_external_circuit_open',
      help: '1 while calls of an external service are held back.',
      labelNames: ['service', 'target'],
      registers,
    }),
  };
}

/** The instruments of a registry are made once and shared by its services. */
export function createCallMetrics(registry: Metrics, labels: Labels) {
  const known = instruments.get(registry) ?? createInstruments(registry);
  instruments.set(registry, known);
  known.circuit.set({ ...labels }, 0);
  return {
    /** @returns to be called with the end of the call. */
    begin() {
      const end = known.calls.startTimer({ ...labels });
      return (ending: Ending): void => void end({ ending });
    },
    refused: (reason: 'circuit-open' | 'bulkhead-full'): void => known.refused.inc({ ...labels, reason }),
    circuit: (isOpen: boolean): void => known.circuit.set({ ...labels }, isOpen ? 1 : 0),
  };
}
