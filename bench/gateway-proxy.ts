import { randomBytes } from 'node:crypto';
import { startTestServer } from '@stoa/postgres/testing';
import { requestsPerSecond, startServer } from './load.ts';
import { type Latency, latencyAt } from './steady-load.ts';
import { median, type Result, type Workload } from './workload.ts';

/** Many short rounds: a short stall of the machine spoils one round, and the median ignores it. */
const ROUNDS = 9;
const SECONDS = 2;

/**
 * A service in another process, called through the gateway, through a bare proxy, and directly: for a page of twenty rows from PostgreSQL,
 * and for a route that does nothing, which shows the hop alone. The bare proxy shows what a hop costs on this machine, where all of them
 * share the cores with the load.
 */
export const gatewayProxy: Workload = async () => {
  await using stack = new AsyncDisposableStack();
  const postgres = stack.adopt(await startTestServer(), ({ stop }) => stop());
  return [
    ...(await compare('a page of twenty rows', '/v1/unkept-notes', 'notes-server.ts', postgres.url)),
    ...(await compare('a trivial route', '/v1/hello', 'hello-server.ts')),
  ];
};

async function compare(what: string, path: string, server: string, ...args: readonly string[]): Promise<Result[]> {
  const key = randomBytes(32).toString('base64');
  await using service = await startServer(server, [key, ...args]);
  await using front = await startServer('gateway-proxy-server.ts', [key, service.url, path]);
  await using proxy = await startServer('bare-proxy-server.ts', [service.url]);
  const urls: Sides<string> = { direct: service.url + path, bare: proxy.url + path, ours: front.url + path };
  await inTurns(1, urls, (url) => requestsPerSecond({ url, duration: SECONDS }));
  const rounds = await inTurns(ROUNDS, urls, (url) => requestsPerSecond({ url, duration: SECONDS }));
  const direct = median(rounds.direct);
  const ours = median(rounds.ours);
  // All sides get half of the load that the gateway can serve.
  const rate = Math.round(ours / 2);
  const latencies = await inTurns(ROUNDS, urls, (url) => latencyAt(rate, url, SECONDS));
  const added = (side: keyof Sides<unknown>, quantile: keyof Latency) =>
    median(latencies[side].map((latency, round) => latency[quantile] - (latencies.direct[round] as Latency)[quantile]));
  const at = `at ${rate} requests/s`;
  return [
    { what: `${what} of a service in another process`, value: ours, unit: 'requests/s', floor: direct, goal: '≥ 0.5' },
    { what: `${what} through a bare proxy`, value: median(rounds.bare), unit: 'requests/s', floor: direct },
    { what: `${what}: what the gateway adds to its p99 ${at}`, value: added('ours', 'p99'), unit: 'ms', goal: '< 3' },
    { what: `${what}: what the bare proxy adds to its p99 ${at}`, value: added('bare', 'p99'), unit: 'ms' },
    { what: `${what}: what the gateway adds to its median ${at}`, value: added('ours', 'p50'), unit: 'ms', floor: added('bare', 'p50') },
  ];
}

interface Sides<T> {
  readonly direct: T;
  readonly bare: T;
  readonly ours: T;
}

/** Measures all sides in turn, so that a slow minute of the machine hits all. */
async function inTurns<T>(rounds: number, urls: Sides<string>, measure: (url: string) => Promise<T>): Promise<Sides<T[]>> {
  const measured: Sides<T[]> = { direct: [], bare: [], ours: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const side of ['direct', 'bare', 'ours'] as const) measured[side].push(await measure(urls[side]));
  }
  return measured;
}
