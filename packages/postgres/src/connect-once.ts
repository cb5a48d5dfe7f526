import pg from 'pg';
import { SERVER_LETS_GO } from './connection-options.ts';

/** One connection for a piece of work before a service runs; the caller ends it. @param applicationName as `pg_stat_activity` shows it. */
export async function connectOnce(url: string, applicationName: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: 5_000,
    options: SERVER_LETS_GO,
  });
  // The statement that runs meanwhile fails with it.
  client.on('error', () => {});
  await client.connect();
  return client;
}
