import { openOrderDatabase, openOrderStore } from './order-streams.ts';

/** `rebuild-orders.ts <url>`: rebuilds the projection in a process of its own. Prints events per second, and the most memory it had, in MB. */
const [url = ''] = process.argv.slice(2);
const database = openOrderDatabase(url);
const begun = performance.now();
let rebuilt = 0;
await openOrderStore().rebuild(database, 'orders', { onProgress: ({ events }) => (rebuilt = events) });
const perSecond = (1_000 * rebuilt) / (performance.now() - begun);
await database.close();
console.log(JSON.stringify({ perSecond, megabytes: process.resourceUsage().maxRSS / 1_024 }));
