import { readAnswer, type Upstream } from '@stoa/http';
import type { HealthPart } from '@stoa/service';
import { type ProxyTarget, proxyTo } from '../proxy/proxy-to.ts';
import type { Backend } from './backend.ts';
import type { DirectoryEntry } from './directory.ts';

const HEALTH_MS = 1_000;
/** How long the answer of one of its processes counts for the service. */
const HEALTH_AGE_MS = 1_000;

/** One that runs in other processes: what it declares stands in the directory, and requests are sent to it. */
export function remoteBackend({ routes, errors, openApi }: DirectoryEntry, proxy: ProxyTarget): Backend {
  const { upstream } = proxy;
  let asked: Promise<readonly HealthPart[]> | undefined;
  let askedAt = 0;
  return {
    name: upstream.name,
    isElsewhere: true,
    routes,
    errors,
    openApi,
    handOver: (route) => proxyTo(proxy, route),
    health() {
      if (asked === undefined || performance.now() - askedAt > HEALTH_AGE_MS) {
        askedAt = performance.now();
        asked = askHealth(upstream);
      }
      return asked;
    },
  };
}

/** The other services are served without it: its line does not make the gateway unready. */
async function askHealth(upstream: Upstream): Promise<readonly HealthPart[]> {
  const part = { name: upstream.name, background: true } as const;
  try {
    const { status, body } = await readAnswer(upstream, { method: 'GET', path: '/health/ready', headers: [] }, HEALTH_MS);
    return [status === 200 ? { ...part, ok: true } : { ...part, ok: false, detail: failingParts(body) }];
  } catch (error) {
    return [{ ...part, ok: false, detail: (error as Error).message }];
  }
}

function failingParts(body: string): string {
  try {
    const { parts } = JSON.parse(body) as { parts: HealthPart[] };
    const failing = parts.filter(({ ok, background }) => !ok && !background);
    return `not ready: ${failing.map(({ name, detail }) => (detail === undefined ? name : `${name} (${detail})`)).join(', ')}`;
  } catch {
    return 'not ready';
  }
}
