import type { Metrics } from '@stoa/service';
import { type Kysely, sql } from 'kysely';
import { Gauge } from 'prom-client';
import { delayed, fresh, type Marks } from './inbox-marks.ts';
import type { Unclaimed } from './live-copies.ts';
import { MOST_COUNTED, type Unsent } from './unsent.ts';

/** The gauges of one scrape share one query of the database. */
const SAMPLE_MS = 500;

/** What waits in one service's outbox and inbox. */
export interface Backlog {
  readonly unsent: number;
  readonly oldestUnsentSeconds: number;
  readonly inbox: readonly { readonly consumer: string; readonly pending: number; readonly dead: number }[];
  /** Of consumers that no live copy has; searched for once a minute. */
  readonly unclaimed: readonly Unclaimed[];
}

export async function readBacklog<Schema>(
  db: Kysely<Schema>,
  consumers: readonly string[],
  marks: Marks,
  readUnsent: () => Promise<Unsent>,
): Promise<Omit<Backlog, 'unclaimed'>> {
  const from = consumers.map((name) => marks.of(name));
  const { rows } = await sql<Pick<Backlog, 'inbox'>>`
    select
      (select coalesce(json_agg(json_build_object('consumer', name,
          'pending', (select count(*) from (
            (select from inbox where consumer = name and inbox.id >= mark.id and ${fresh} limit ${MOST_COUNTED}) union all
            (select from inbox where consumer = name and run_at >= to_timestamp(mark.at) and ${delayed} limit ${MOST_COUNTED}) limit ${MOST_COUNTED}) as capped),
          'dead', (select count(*) from (select from inbox where consumer = name and status = 'dead' limit ${MOST_COUNTED}) as capped))), '[]')
        from unnest(${consumers}::text[], ${from.map(({ id }) => id)}::bigint[], ${from.map(({ at }) => at)}::float8[]) as mark (name, id, at)) as inbox`.execute(
    db,
  );
  const { count, oldestSeconds } = await readUnsent();
  return { unsent: count, oldestUnsentSeconds: oldestSeconds, inbox: rows[0]?.inbox ?? [] };
}

type Sample = () => Promise<Backlog | undefined>;
const samples = new WeakMap<Metrics, Map<string, Sample>>();

/** Shows the backlog of `service` with each scrape. @returns a function that ends it. */
export function exposeBacklog(metrics: Metrics, service: string, read: () => Promise<Backlog>): () => void {
  const sources = samples.get(metrics) ?? createGauges(metrics);
  const sample = shared(read);
  sources.set(service, sample);
  return () => {
    if (sources.get(service) === sample) sources.delete(service);
  };
}

/** A database that does not answer must not take the other metrics away: its values are left out. */
function shared(read: () => Promise<Backlog>): Sample {
  let latest: ReturnType<Sample> | undefined;
  let until = 0;
  return () => {
    if (latest === undefined || performance.now() > until) {
      latest = read().catch(() => undefined);
      until = performance.now() + SAMPLE_MS;
    }
    return latest;
  };
}

function createGauges(metrics: Metrics): Map<string, Sample> {
  const sources = new Map<string, Sample>();
  samples.set(metrics, sources);
  const gauge = (name: string, help: string, labelNames: string[], show: (gauge: Gauge, service: string, backlog: Backlog) => void) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [metrics],
      async collect() {
        const read = await Promise.all([...sources].map(async ([service, sample]) => ({ service, backlog: await sample() })));
        this.reset();
        for (const { service, backlog } of read) if (backlog) show(this, service, backlog);
      },
    });
  gauge('stoa_outbox_unsent', `Messages that wait to leave; counted up to ${MOST_COUNTED}.`, ['service'], (to, service, { unsent }) =>
    to.set({ service }, unsent),
  );
  gauge(
    'stoa_outbox_oldest_unsent_seconds',
    'Age of the oldest message that waits to leave.',
    ['service'],
    (to, service, { oldestUnsentSeconds: age }) => to.set({ service }, age),
  );
  gauge(
    'stoa_inbox_unclaimed',
    `Messages and jobs of a consumer that no live copy has; counted up to ${MOST_COUNTED}.`,
    ['service', 'consumer'],
    (to, service, { unclaimed }) => {
      for (const { consumer, count } of unclaimed) to.set({ service, consumer }, count);
    },
  );
  for (const state of ['pending', 'dead'] as const) {
    gauge(
      `stoa_inbox_${state}`,
      `Messages and jobs that are ${state}; counted up to ${MOST_COUNTED}.`,
      ['service', 'consumer'],
      (to, service, { inbox }) => {
        for (const row of inbox) to.set({ service, consumer: row.consumer }, row[state]);
      },
    );
  }
  return sources;
}
