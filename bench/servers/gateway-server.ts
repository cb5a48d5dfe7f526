import { randomBytes } from 'node:crypto';
import { testIdentity } from '@stoa/auth/testing';
import { gateway, gatewayConfig } from '@stoa/gateway';
import { createHttp, createMemoryRateLimiter, type Http } from '@stoa/http';
import { createKeys, createLog, createMetrics, loadConfig, type Service, systemClock } from '@stoa/service';
import { Type } from 'typebox';
import { inBatches } from '../../apps/server/src/log-destination.ts';

/** The gateway in front of one service with one trivial route, everything on: headers, correlation id, limits, metrics, request log. */
const log = createLog({ destination: inBatches('/dev/null') });
const metrics = createMetrics();
const health = async () => [];
const http: Http = await createHttp({ name: 'hello', title: 'Hello', description: '', version: '1', log, metrics, errors: {}, health });
http.get('/v1/hello', { schema: { response: { 200: Type.Object({ hello: Type.String() }) } } }, async () => ({ hello: 'world' }));
const hello = { name: 'hello', http: http as unknown as Service['http'], start: async () => {}, stop: async () => {}, health };
await http.ready();
const derive = createKeys(randomBytes(32).toString('base64'));
const { identity } = await testIdentity();
const limiter = createMemoryRateLimiter(systemClock);
const config = loadConfig(gatewayConfig, { PUBLIC_READS_PER_MINUTE: '1000000000' });
const front = await gateway.create({ log, derive, identity, metrics, services: [hello], asyncApi: {}, limiter, config });
console.log(await front.http.listen({ port: 0, host: '127.0.0.1' }));
