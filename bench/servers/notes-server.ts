import { installAccess } from '@stoa/auth';
import { testIdentity } from '@stoa/auth/testing';
import { createKeys, createLog, createMetrics } from '@stoa/service';
import { inBatches } from '../../apps/server/src/log-destination.ts';
import { createNotes } from './notes.ts';

/** The notes in a process of their own: `notes-server.ts KEY DATABASE_URL`. */
const [key, url] = process.argv.slice(2) as [string, string];
const { http, declareRoutes } = await createNotes({
  url,
  log: createLog({ destination: inBatches('/dev/null') }),
  metrics: createMetrics(),
});
const { identity } = await testIdentity();
installAccess(http, { identity, derive: createKeys(key) });
declareRoutes();
console.log(await http.listen({ port: 0, host: '127.0.0.1' }));
