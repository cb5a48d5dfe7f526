import { startTestServer } from '@stoa/postgres/testing';

/** Vitest's global setup of the tiers with a database: one embedded Postgres for all files of the run. */
export default async function setup() {
  const server = await startTestServer();
  process.env['STOA_TEST_DATABASE_URL'] = server.url;
  return () => server.stop();
}
