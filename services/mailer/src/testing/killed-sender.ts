/**
 * A mailer's sender as a process of its own, to be killed. Takes the database's and the mail server's URL and says
 * `ready` once it sends.
 */
import { createDatabase } from '@stoa/postgres';
import { createLog, createMetrics, uuidv7 } from '@stoa/service';
import { FAST_HEARTBEATS } from '@stoa/tasks/testing/fast-heartbeats';
import { createMailerMetrics } from '../metrics.ts';
import { createRenderer } from '../render.ts';
import { startSending } from '../sending/start-sending.ts';
import type { MailerTables } from '../tables.ts';
import { createSmtpTransport } from '../transports/smtp-transport.ts';
import { fakeSecrets } from './fake-secrets.ts';

const [databaseUrl, smtpUrl] = process.argv.slice(2) as [string, string];
const log = createLog({ level: 'silent' });
const metrics = createMetrics();
const database = createDatabase<MailerTables>({ url: databaseUrl, name: 'mailer', log, metrics });
await startSending({
  database,
  transport: createSmtpTransport({
    url: smtpUrl,
    from: 'Stoa <no-reply@stoa.test>',
    connections: 5,
    timeouts: { connectMs: 2_000, silenceMs: 60_000 },
  }),
  secrets: fakeSecrets().secrets,
  render: createRenderer('https://stoa.test'),
  metrics: createMailerMetrics(metrics, database),
  log,
  instanceId: uuidv7(),
  ratePerSecond: 1_000,
  connections: 5,
  heartbeats: FAST_HEARTBEATS,
});
console.log('ready');
