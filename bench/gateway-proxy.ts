import { randomBytes } from 'node:crypto';
import autocannon from 'autocannon';
import { requestsPerSecond, startServer } from './load.ts';
import { inTurns, median, type Workload } from './workload.ts';

const ROUNDS = 5;
const SECONDS = 4;

/** A trivial route of a service in another process, through the gateway, beside the same route asked directly. Three processes and the load. */
export const gatewayProxy: Workload = async () => {
  const key = randomBytes(32).toString('base64');
  await using hello = await startServer('hello-server.ts', [key]);
  await using front = await startServer('gateway-proxy-server.ts', [hello.url, key]);
  const [ourUrl, directUrl] = [`${front.url}/v1/hello`, `${hello.url}/v1/hello`];
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
    { what: 'trivial route of a service in another process', value, unit: 'requests/s', floor, goal: '≥ 0.5' },
    {
      what: `what the gateway adds to the p99 at ${rate} requests/s`,
      value: median(ours) - median(direct),
      unit: 'ms',
      goal: '< 3',
    },
  ];
};

/** Milliseconds within which 99 of 100 requests were answered, when so many come in a second. */
async function p99(url: string, overallRate: number): Promise<number> {
  const { latency, non2xx, errors } = await autocannon({ url, connections: 16, duration: SECONDS, overallRate });
  if (non2xx + errors > 0) throw new Error(`${url}: ${non2xx} refused, ${errors} failed`);
  return latency.p99;
}
