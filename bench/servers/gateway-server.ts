import { randomBytes } from 'node:crypto';
import { testIdentity } from '@stoa/auth/testing';
import { gateway } from '@stoa/gateway';
import { createHttp, type Http } from '@stoa/http';
import { createKeys, createLog, createMetrics, type Service } from '@stoa/service';
import { destination } from 'pino';
import { Type } from 'typebox';
import { BUFFERED } from '../../apps/server/src/log-destination.ts';

/** The gateway in front of one service with one trivial route, everything on: headers, correlation id, metrics, request log. */
const log = createLog({ destination: destination({ dest: '/dev/null', ...BUFFERED }) });
const metrics = createMetrics();
const health = async () => [];
const http: Http = await createHttp({ name: 'hello', title: 'Hello', description: '', version: '1', log, metrics, errors: {}, health });
http.get('/v1/hello', { schema: { response: { 200: Type.Object({ hello: Type.String() }) } } }, async () => ({ hello: 'world' }));
const hello = { name: 'hello', http: http as unknown as Service['http'], start: async () => {}, stop: async () => {}, health };
await http.ready();
const derive = createKeys(randomBytes(32).toString('base64'));
const { identity } = await testIdentity();
const front = await gateway.create({ log, derive, identity, metrics, services: [hello], asyncApi: {} });
console.log(await front.http.listen({ port: 0, host: '127.0.0.1' }));
