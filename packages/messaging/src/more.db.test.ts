import { testDatabase } from '@stoa/postgres/testing';
import { uuidv7 } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { createMessaging, messagingMigrations } from './create-messaging.ts';
import { createLocalBroker } from './local-broker.ts';
import { silent } from './testing/copies.ts';
import { job } from './types.ts';

test('a job that returns `more` runs again at once, each time in a transaction of its own, until nothing is left', async () => {
  await using fixture = await testDatabase<unknown>({ sources: [{ name: 'messaging', directory: messagingMigrations }] });
  const { database } = fixture;
  await sql`create table old (id int primary key)`.execute(database.query);
  await sql`insert into old select generate_series(1, 55)`.execute(database.query);
  const runs: unknown[] = [];
  const remove = job<unknown, ReturnType<typeof Type.Object>>({
    name: 'remove',
    data: Type.Object({}),
    async handle(tx) {
      const { rows } = await sql<{ xid: string }>`
        delete from old where id = any(array(select id from old order by id limit 10)) returning pg_current_xact_id()::text as xid`.execute(
        tx,
      );
      runs.push(rows[0]?.xid);
      return rows.length === 10 ? 'more' : undefined;
    },
  });
  const messaging = createMessaging({
    ...{ service: 's', database, broker: createLocalBroker({ log: silent }), log: silent, metrics: new Registry(), instanceId: uuidv7() },
    ...{ consumers: [], jobs: [remove], crons: [{ job: 'remove', everySeconds: 3_600 }], settings: { pollMs: 3_600_000 } },
  });
  await messaging.start();
  try {
    await eventually(async () => expect((await sql`select from old`.execute(database.query)).rows).toEqual([]));
    await eventually(async () => expect((await sql`select from inbox`.execute(database.query)).rows).toEqual([]));
  } finally {
    await messaging.stop();
  }
  expect(runs).toHaveLength(6);
  expect(new Set(runs).size).toBe(6);
});
