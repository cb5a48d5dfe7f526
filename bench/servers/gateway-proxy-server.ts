import { testIdentity } from '@stoa/auth/testing';
import { gateway } from '@stoa/gateway';
import { createUpstream } from '@stoa/http';
import { createKeys, createLog, createMetrics } from '@stoa/service';
import { inBatches } from '../../apps/server/src/log-destination.ts';

/** The gateway in front of a route of a service in another process: `gateway-proxy-server.ts KEY URL PATH`. Everything on. */
const [key, url, path] = process.argv.slice(2) as [string, string, string];
const log = createLog({ destination: inBatches('/dev/null') });
const metrics = createMetrics();
const derive = createKeys(key);
const { identity } = await testIdentity();
const directory = { behind: { routes: [{ method: 'GET', url: path }], errors: {}, openApi: () => ({}) } };
const elsewhere = [createUpstream({ name: 'behind', urls: [url], log, metrics })];
const front = await gateway.create({ log, derive, identity, metrics, services: [], elsewhere, directory, asyncApi: {} });
console.log(await front.http.listen({ port: 0, host: '127.0.0.1' }));
