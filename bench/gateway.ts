import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import autocannon from 'autocannon';
import { inTurns, type Workload } from './workload.ts';

const CONNECTIONS = 32;
const SECONDS = 4;

/** A trivial route of a service behind the gateway, in the same process, beside a bare Fastify. Both in processes of their own. */
export const gateway: Workload = async () => {
  await using ours = await startServer('gateway-server.ts');
  await using bare = await startServer('bare-server.ts');
  for (const { url } of [ours, bare]) await requestsPerSecond(url, 1);
  const { value, floor } = await inTurns(
    5,
    () => requestsPerSecond(ours.url),
    () => requestsPerSecond(bare.url),
  );
  return [{ what: 'trivial route through the gateway', value, unit: 'requests/s', floor, goal: '≥ 0.4' }];
};

async function startServer(file: string): Promise<{ url: string } & AsyncDisposable> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'servers', file)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    url: `${String(line).trim()}/v1/hello`,
    async [Symbol.asyncDispose]() {
      child.kill();
      await once(child, 'exit');
    },
  };
}

async function requestsPerSecond(url: string, duration = SECONDS): Promise<number> {
  const { requests, non2xx, errors } = await autocannon({ url, connections: CONNECTIONS, duration });
  if (non2xx + errors > 0) throw new Error(`${url}: ${non2xx} refused, ${errors} failed`);
  return requests.average;
}
