import { randomBytes } from 'node:crypto';
import { startTestServer } from '@stoa/postgres/testing';
import autocannon from 'autocannon';
import { requestsPerSecond, startServer } from './load.ts';
import { inTurns, median, type Result, type Workload } from './workload.ts';

const ROUNDS = 5;
const SECONDS = 4;

/**
 * A service in another process, through the gateway, beside the same service asked directly: by a page of twenty rows from PostgreSQL, and by a
 * route that does nothing, which shows the hop alone. Three processes and the load, and PostgreSQL for the page.
 */
export const gatewayProxy: Workload = async () => {
  await using stack = new AsyncDisposableStack();
  const postgres = stack.adopt(await startTestServer(), ({ stop }) => stop());
  return [
    ...(await compare('a page of twenty rows of a service in another process', '/v1/unkept-notes', 'notes-server.ts', postgres.url)),
    ...(await compare('a trivial route of a service in another process', '/v1/hello', 'hello-server.ts')),
  ];
};

async function compare(what: string, path: string, server: string, ...args: readonly string[]): Promise<Result[]> {
  const key = randomBytes(32).toString('base64');
  await using service = await startServer(server, [key, ...args]);
  await using front = await startServer('gateway-proxy-server.ts', [key, service.url, path]);
  const [ourUrl, directUrl] = [front.url + path, service.url + path];
  for (const url of [ourUrl, directUrl]) await requestsPerSecond({ url, duration: 2 });
  const { value, floor } = await inTurns(
    ROUNDS,
    () => requestsPerSecond({ url: ourUrl }),
    () => requestsPerSecond({ url: directUrl }),
  );
  // The load that is half of what the gateway can do, on both.
  const rate = Math.round(value / 2);
  const ours: number[] = [];
  const direct: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    direct.push(await p99(directUrl, rate));
    ours.push(await p99(ourUrl, rate));
  }
  return [
    { what, value, unit: 'requests/s', floor, goal: '≥ 0.5' },
    { what: `what the gateway adds to its p99 at ${rate} requests/s`, value: median(ours) - median(direct), unit: 'ms', goal: '< 3' },
  ];
}

/** Milliseconds within which 99 of 100 requests were answered, when so many come in a second. */
async function p99(url: string, overallRate: number): Promise<number> {
  const { latency, non2xx, errors } = await autocannon({ url, connections: 16, duration: SECONDS, overallRate });
  if (non2xx + errors > 0) throw new Error(`${url}: ${non2xx} refused, ${errors} failed`);
  return latency.p99;
}
