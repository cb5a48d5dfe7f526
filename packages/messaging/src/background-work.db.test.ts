import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import type { Broker } from './broker.ts';
import { createLocalBroker } from './local-broker.ts';
import { silent, startReceiver, startSender } from './testing/copies.ts';
import { openPipeline } from './testing/pipeline.ts';

/** Counts the subscriptions. */
function countSubscriptions(broker: Broker): Broker & { readonly subscribers: string[] } {
  const subscribers: string[] = [];
  return {
    ...broker,
    subscribers,
    subscribe: (subscriber, types, accept) => {
      subscribers.push(subscriber);
      return broker.subscribe(subscriber, types, accept);
    },
  };
}

test('a process that does not work appends and shows what waits, and leaves relaying and handling to one that does', async () => {
  await using pipeline = await openPipeline();
  const broker = countSubscriptions(createLocalBroker({ log: silent }));
  const idle = [
    await startSender(pipeline.sender.url, broker, {}, { runsBackgroundWork: false }),
    await startReceiver(pipeline.receiver.url, broker, undefined, {}, { runsBackgroundWork: false }),
  ] as const;
  await pipeline.append({ key: 'a', n: 1 });
  await sql`update outbox set occurred_at = now() - interval '2 minutes'`.execute(pipeline.sender.database.query);
  expect(broker.subscribers).toEqual([]);
  const { rows } = await sql`
    select from pg_locks join pg_database on pg_database.oid = database
    where locktype = 'advisory' and datname = current_database()`.execute(pipeline.sender.database.query);
  expect(rows).toEqual([]);
  expect(await idle[0].health()).toMatchObject([
    { name: 'relay', ok: false, detail: expect.stringMatching(/^the oldest unsent/) },
    { name: 'inbox' },
  ]);
  expect((await idle[1].deadLetters.list()).items).toEqual([]);

  await pipeline.startReceiver(broker);
  await pipeline.startSender(broker);
  await pipeline.expectOnce([{ key: 'a', n: 1 }]);
  await eventually(async () => expect(await idle[0].health()).toMatchObject([{ name: 'relay', ok: true }, { name: 'inbox' }]));
  for (const copy of idle) await copy.stop();
});
