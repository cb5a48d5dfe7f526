import { randomBytes } from 'node:crypto';
import { installAccess } from '@stoa/auth';
import type { TestIdentity } from '@stoa/auth/testing';
import { createHttp, createUpstream, type Http, openApiOf } from '@stoa/http';
import { createKeys, createLog, createMetrics, type HealthPart, type Service } from '@stoa/service';
import type { Directory } from '../backends/directory.ts';
import { gateway } from '../index.ts';

export interface RemoteSystemOptions {
  /** Services that listen on ports of their own. */
  readonly services?: readonly Http[];
  /** Services of which the gateway knows these routes, and that are where the URL says. */
  readonly places?: Readonly<Record<string, { readonly url: string; readonly routes: Directory[string]['routes'] }>>;
  readonly trustedProxies?: string;
}

export const derive = createKeys(randomBytes(32).toString('base64'));

/** A service as another process has it: with its own access, metrics and log. */
export async function createRemote(
  name: string,
  who: TestIdentity,
  health: () => Promise<readonly HealthPart[]> = async () => [],
): Promise<Http> {
  const log = createLog({ level: 'silent' });
  const http = await createHttp({ name, title: name, description: '', version: '1', log, metrics: createMetrics(), errors: {}, health });
  installAccess(http, { identity: who.identity, derive });
  return http;
}

/** As a file has it. */
const asCommitted = <T>(declared: T): T => JSON.parse(JSON.stringify(declared));

/** A listening gateway in front of services that listen themselves. */
export async function startRemoteSystem(who: TestIdentity, { services = [], places = {}, trustedProxies = '' }: RemoteSystemOptions) {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({ destination: { write: (line: string) => void lines.push(JSON.parse(line)) } });
  const metrics = createMetrics();
  const urls = new Map(Object.entries(places).map(([name, { url }]) => [name, url]));
  const directory: Record<string, Directory[string]> = {};
  for (const [name, { routes }] of Object.entries(places))
    directory[name] = { ...asCommitted({ routes, errors: {} }), openApi: () => ({}) };
  for (const http of services) {
    urls.set(http.serviceName, await http.listen({ port: 0, host: '127.0.0.1' }));
    const declared = { routes: http.declaredRoutes, errors: http.errorCatalogue };
    directory[http.serviceName] = { ...asCommitted(declared), openApi: () => asCommitted(openApiOf(http)) };
  }
  const elsewhere = [...urls].map(([name, url]) => createUpstream({ name, urls: [url], log, metrics }));
  const made: Service = await gateway.create({
    config: { TRUSTED_PROXIES: trustedProxies } as never,
    log,
    metrics,
    derive,
    identity: who.identity,
    services: [],
    elsewhere,
    directory,
    asyncApi: {},
  });
  const front = made.http as unknown as Http;
  const url = await front.listen({ port: 0, host: '127.0.0.1' });
  return {
    url,
    front,
    metrics,
    lines,
    async [Symbol.asyncDispose]() {
      await front.close();
      for (const upstream of elsewhere) await upstream.close();
      for (const http of services) await http.close();
    },
  };
}
