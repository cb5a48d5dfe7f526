import type { Metrics } from '@stoa/service';
import { Gauge, Histogram } from 'prom-client';
import type { Outcome } from './outcome.ts';
import type { Backlog } from './task-backlog.ts';

/** The gauges of one scrape share one query of the database. */
const SAMPLE_MS = 500;

export interface TaskMetrics {
  /** @returns to be called with the outcome of the run that begins. */
  begin(kind: string): (outcome: Outcome<never>['status']) => void;
  /** Shows what waits with each scrape. @returns a function that ends it. */
  expose(read: () => Promise<readonly Backlog[]>): () => void;
}

type Sample = () => Promise<readonly Backlog[]>;
const instruments = new WeakMap<Metrics, ReturnType<typeof createInstruments>>();

function createInstruments(registry: Metrics) {
  const registers = [registry];
  const sources = new Map<string, Sample>();
  const gauge = (name: string, help: string, pick: (backlog: Backlog) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['service', 'kind'],
      registers,
      async collect() {
        const read = await Promise.all([...sources].map(async ([service, sample]) => ({ service, kinds: await sample() })));
        this.reset();
        for (const { service, kinds } of read) for (const each of kinds) this.set({ service, kind: each.kind }, pick(each));
      },
    });
  gauge('stoa_tasks_queued', 'Tasks that wait; counted up to 10,000.', ({ queued }) => queued);
  gauge('stoa_tasks_dead', 'Tasks that were given up; counted up to 10,000.', ({ dead }) => dead);
  gauge('stoa_tasks_late_seconds', 'How late the most overdue task is that no pause holds up.', ({ lateSeconds }) => lateSeconds);
  const runs = new Histogram({
    name: 'stoa_task_run_seconds',
    help: 'How long runs of tasks take, by outcome.',
    labelNames: ['service', 'kind', 'outcome'],
    buckets: [0.02, 0.1, 0.5, 2, 10, 30, 120],
    registers,
  });
  return { sources, runs };
}

/** The instruments of a registry are made once and shared by its services. */
export function createTaskMetrics(registry: Metrics, service: string): TaskMetrics {
  const { sources, runs } = instruments.get(registry) ?? createInstruments(registry);
  instruments.set(registry, { sources, runs });
  return {
    begin(kind) {
      const end = runs.startTimer({ service, kind });
      return (outcome) => void end({ outcome });
    },
    expose(read) {
      const sample = shared(read);
      sources.set(service, sample);
      return () => {
        if (sources.get(service) === sample) sources.delete(service);
      };
    },
  };
}

/** A database that does not answer must not take the other metrics away: its values are left out. */
function shared(read: Sample): Sample {
  let latest: Promise<readonly Backlog[]> | undefined;
  let until = 0;
  return () => {
    if (latest === undefined || performance.now() > until) {
      latest = read().catch(() => []);
      until = performance.now() + SAMPLE_MS;
    }
    return latest;
  };
}
