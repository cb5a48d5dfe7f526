/**
 * A worker of tasks as a process of its own, to be killed. Takes the database's URL and that of the other side, and says `ready` once it
 * claims.
 */
import { createDatabase } from '@stoa/postgres';
import { createLog, createMetrics, uuidv7 } from '@stoa/service';
import { createTaskWorker } from '../task-worker.ts';
import { callTask } from './call-task.ts';
import { FAST_HEARTBEATS } from './fast-heartbeats.ts';

const [databaseUrl, outsideUrl] = process.argv.slice(2) as [string, string];
const log = createLog({ level: 'silent' });
const metrics = createMetrics();
await createTaskWorker<unknown>({
  service: 'service',
  database: createDatabase<unknown>({ url: databaseUrl, name: 'service', log, metrics }),
  log,
  metrics,
  instanceId: uuidv7(),
  tasks: [callTask(outsideUrl)],
  heartbeats: FAST_HEARTBEATS,
}).start();
console.log('ready');
