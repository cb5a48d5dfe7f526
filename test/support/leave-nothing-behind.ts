import { beforeDrop } from '@stoa/postgres/testing';
import { sql } from 'kysely';

/**
 * No test ends with an event that was not published, or with work in the queue: what is still there then was forgotten by the
 * code or by the test. A test that means it says so: `testDatabase({ …, leftoversExpected: 'why' })`.
 */
beforeDrop(async (database) => {
  const { rows } = await sql<{
    messaging: boolean;
  }>`select to_regclass('outbox') is not null and to_regclass('inbox') is not null as messaging`.execute(database.query);
  if (!rows[0]?.messaging) return;
  const { drained } = await import('@stoa/messaging/testing');
  await drained(database);
});
