import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { connectOnce } from './connect-once.ts';
import { testDatabase } from './testing/index.ts';

/** What the server does with the session of a machine that vanished: with these its locks are free within 25 s. */
const SETTINGS = { tcp_user_timeout: '20000', tcp_keepalives_idle: '10', client_connection_check_interval: '2s' };

test('every kind of connection asks the server to drop the session of a machine that vanished', async () => {
  await using fixture = await testDatabase<unknown>();
  // The settings of TCP are shown on a connection by TCP alone.
  expect(new URL(fixture.url).hostname).toBe('127.0.0.1');
  const { rows: ofPool } = await sql<{ name: string; value: string }>`
    select name, current_setting(name) as value from unnest(${Object.keys(SETTINGS)}::text[]) as name`.execute(fixture.database.query);
  expect(Object.fromEntries(ofPool.map(({ name, value }) => [name, value]))).toEqual(SETTINGS);
  const client = await connectOnce(fixture.url, 'test');
  try {
    const { rows } = await client.query('select name, current_setting(name) as value from unnest($1::text[]) as name', [
      Object.keys(SETTINGS),
    ]);
    expect(Object.fromEntries(rows.map(({ name, value }) => [name, value]))).toEqual(SETTINGS);
  } finally {
    await client.end();
  }
});
