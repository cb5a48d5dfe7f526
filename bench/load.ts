import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import autocannon from 'autocannon';

const CONNECTIONS = 32;
const SECONDS = 4;

/** A server of `servers/` in a process of its own, which prints its address. */
export async function startServer(file: string, args: readonly string[] = []): Promise<{ url: string } & AsyncDisposable> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'servers', file), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    url: String(line).trim(),
    async [Symbol.asyncDispose]() {
      child.kill();
      await once(child, 'exit');
    },
  };
}

/** Requests that a server answers in a second, under as many connections at once as keep it busy; all must succeed. */
export async function requestsPerSecond(options: { url: string; duration?: number } & Partial<autocannon.Options>): Promise<number> {
  const { requests, non2xx, errors } = await autocannon({ connections: CONNECTIONS, duration: SECONDS, ...options });
  if (non2xx + errors > 0) throw new Error(`${options.url}: ${non2xx} refused, ${errors} failed`);
  return requests.average;
}
