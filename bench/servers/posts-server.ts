import { randomBytes } from 'node:crypto';
import { testIdentity } from '@stoa/auth/testing';
import { gateway, gatewayConfig } from '@stoa/gateway';
import { createMemoryRateLimiter } from '@stoa/http';
import { createLocalBroker } from '@stoa/messaging';
import { createDatabase } from '@stoa/postgres';
import { posts } from '@stoa/posts';
import { createKeys, createLog, createMetrics, loadConfig, systemClock } from '@stoa/service';
import { inBatches } from '../../apps/server/src/log-destination.ts';

/** The gateway in front of posts, in one process, everything on, with this limit of cached bytes: `posts-server.ts DATABASE_URL BYTES`. */
const [url, RESPONSE_CACHE_BYTES] = process.argv.slice(2) as [string, string];
const log = createLog({ destination: inBatches('/dev/null') });
const metrics = createMetrics();
const derive = createKeys(randomBytes(32).toString('base64'));
const broker = createLocalBroker({ log });
const { identity } = await testIdentity();
const service = await posts.create({
  config: loadConfig(posts.config, {}),
  database: createDatabase({ url, name: 'posts', log, metrics }),
  broker,
  log,
  metrics,
  clock: systemClock,
  derive,
  identity,
  locate: () => undefined,
  limiter: createMemoryRateLimiter(systemClock),
  redis: undefined,
  runsBackgroundWork: false,
  instanceId: 'bench',
});
await service.http.ready();
const config = loadConfig(gatewayConfig, { PUBLIC_READS_PER_MINUTE: '1000000000', RESPONSE_CACHE_BYTES });
const limiter = createMemoryRateLimiter(systemClock);
const front = await gateway.create({ log, metrics, derive, identity, services: [service], asyncApi: {}, broker, limiter, config });
console.log(await front.http.listen({ port: 0, host: '127.0.0.1' }));
