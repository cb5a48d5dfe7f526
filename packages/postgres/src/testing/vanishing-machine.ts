/** A process for the test of a machine that vanishes: `vanishing-machine.ts <url>`. Leads and listens, says `leads`, and stays. */
import { createLog } from '@stoa/service';
import { Registry } from 'prom-client';
import { createDatabase } from '../create-database.ts';

const [url = ''] = process.argv.slice(2);
const database = createDatabase({ url, name: 'vanishing', log: createLog({ level: 'silent' }), metrics: new Registry() });
await database.listen('news', () => {});
await database.lead('relay', async (signal) => {
  process.stdout.write('leads\n');
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
});
