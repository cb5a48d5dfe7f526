import { messagingMigrations } from '@stoa/messaging';
import { testDatabase } from '@stoa/postgres/testing';
import { createTasks, taskMigrations } from '@stoa/tasks';
import { sql } from 'kysely';
import { Type } from 'typebox';
import { expect, test } from 'vitest';

const sources = [{ name: 'messaging', directory: messagingMigrations }];
const forgotten = sql`
  insert into outbox (message_id, type, version, key, subscribers, correlation_id, traceparent, data)
  values (gen_random_uuid(), 'forgotten', 1, 'k', '{mailer}', '', '', '{}')`;

test('an event that is never published fails the test that leaves it', async () => {
  const fixture = await testDatabase({ sources });
  await forgotten.execute(fixture.database.query);
  await expect(fixture[Symbol.asyncDispose]()).rejects.toThrow(/outbox forgotten: 1 unsent/);
});

test('a task that no worker ran does so too', async () => {
  const fixture = await testDatabase({ sources: [...sources, taskMigrations] });
  await fixture.database.transaction((tx) => createTasks(fixture.database, tx).enqueue({ name: 'forgotten', data: Type.Object({}) }, {}));
  await expect(fixture[Symbol.asyncDispose]()).rejects.toThrow('tasks that did not end: 1 of forgotten');
});

test('unless the test says why', async () => {
  await using fixture = await testDatabase({ sources, leftoversExpected: 'this test shows it' });
  await forgotten.execute(fixture.database.query);
});
