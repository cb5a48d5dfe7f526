/**
 * A process for tests that kill it: `rebuilding-process.ts <url> <events at a time>`. Rebuilds the balances, and prints a line for each batch:
 * how many events are projected.
 */
import { createDatabase } from '@stoa/postgres';
import { createLog, createMetrics } from '@stoa/service';
import type { AccountTables } from './account.ts';
import { openStore } from './open-accounts.ts';

const [url = '', events = ''] = process.argv.slice(2);
const log = createLog({ level: 'silent' });
const database = createDatabase<AccountTables>({ url, name: 'rebuilding', log, metrics: createMetrics() });
const store = openStore(events === '' ? {} : { limit: { events: Number(events), bytes: 4 * 1024 * 1024 } });
await store.rebuild(database, 'balances', { onProgress: (progress) => process.stdout.write(`${progress.events}\n`) });
await database.close();
