import { startTestServer } from '@stoa/postgres/testing';
import pg from 'pg';

/** Vitest's global set-up of the tiers with a database: one embedded Postgres for all files of the run, of whichever tier. */
export default async function setup() {
  if (process.env['STOA_TEST_DATABASE_URL'] !== undefined) return;
  const server = await startTestServer();
  process.env['STOA_TEST_DATABASE_URL'] = server.url;
  return async () => {
    delete process.env['STOA_TEST_DATABASE_URL'];
    try {
      await expectNoneLeft(server.url);
    } finally {
      await server.stop();
    }
  };
}

/** A database that was not disposed of was not checked either: see `leave-nothing-behind.ts`. */
async function expectNoneLeft(url: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ maker: string }>(
      `select coalesce(shobj_description(oid, 'pg_database'), datname) as maker from pg_database where datname like 'test\\_%'`,
    );
    if (rows.length > 0) throw new Error(`test databases that no test disposed of: ${rows.map(({ maker }) => maker).join(', ')}`);
  } finally {
    await client.end();
  }
}
