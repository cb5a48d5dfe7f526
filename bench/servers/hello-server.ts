import { installAccess } from '@stoa/auth';
import { testIdentity } from '@stoa/auth/testing';
import { createHttp, type Http } from '@stoa/http';
import { createKeys, createLog, createMetrics } from '@stoa/service';
import { Type } from 'typebox';
import { inBatches } from '../../apps/server/src/log-destination.ts';

/** A service with one trivial route and its own port: access, headers, correlation id, metrics, request log: `hello-server.ts KEY`. */
const [key] = process.argv.slice(2) as [string];
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
const { identity } = await testIdentity();
installAccess(http, { identity, derive: createKeys(key) });
http.get('/v1/hello', { config: { access: 'anyone' }, schema: { response: { 200: Type.Object({ hello: Type.String() }) } } }, async () => ({
  hello: 'world',
}));
console.log(await http.listen({ port: 0, host: '127.0.0.1' }));
