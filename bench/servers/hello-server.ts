import { createHttp, type Http } from '@stoa/http';
import { createLog, createMetrics } from '@stoa/service';
import { Type } from 'typebox';
import { inBatches } from '../../apps/server/src/log-destination.ts';

/** A service with one trivial route, listening itself, everything on: headers, correlation id, metrics, request log. */
const log = createLog({ destination: inBatches('/dev/null') });
const health = async () => [];
const http: Http = await createHttp({
  name: 'hello',
  title: 'Hello',
  description: '',
  version: '1',
  log,
  metrics: createMetrics(),
  errors: {},
  health,
});
http.get('/v1/hello', { schema: { response: { 200: Type.Object({ hello: Type.String() }) } } }, async () => ({ hello: 'world' }));
console.log(await http.listen({ port: 0, host: '127.0.0.1' }));
