import { randomBytes } from 'node:crypto';
import { testIdentity } from '@stoa/auth/testing';
import { gateway, gatewayConfig } from '@stoa/gateway';
import { createMemoryRateLimiter } from '@stoa/http';
import { createLocalBroker } from '@stoa/messaging';
import { createKeys, createLog, createMetrics, loadConfig, type Service, systemClock } from '@stoa/service';
import { inBatches } from '../../apps/server/src/log-destination.ts';
import { createNotes } from './notes.ts';

/** The gateway in front of the notes, in one process. Everything is on: limits, headers, metrics, request log: `cached-server.ts DATABASE_URL`. */
const [url] = process.argv.slice(2) as [string];
const log = createLog({ destination: inBatches('/dev/null') });
const metrics = createMetrics();
const { http, health, declareRoutes } = await createNotes({ url, log, metrics });
declareRoutes();
await http.ready();

const notes = { name: 'notes', http: http as unknown as Service['http'], start: async () => {}, stop: async () => {}, health };
const { identity } = await testIdentity();
const front = await gateway.create({
  log,
  derive: createKeys(randomBytes(32).toString('base64')),
  identity,
  metrics,
  services: [notes],
  asyncApi: {},
  broker: createLocalBroker({ log }),
  limiter: createMemoryRateLimiter(systemClock),
  config: loadConfig(gatewayConfig, { PUBLIC_READS_PER_MINUTE: '1000000000' }),
});
console.log(await front.http.listen({ port: 0, host: '127.0.0.1' }));
