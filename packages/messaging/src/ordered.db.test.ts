import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { createLocalBroker } from './local-broker.ts';
import { silent } from './testing/copies.ts';
import { openPipeline } from './testing/pipeline.ts';

test('several copies: while a failure is being counted nobody takes what is behind it', async () => {
  await using pipeline = await openPipeline();
  const { query } = pipeline.receiver.database;
  await sql`
    create function linger() returns trigger language plpgsql as $$ begin perform pg_sleep(0.2); return null; end $$`.execute(query);
  await sql`
    create trigger lingering after update on inbox for each row when (new.attempts > old.attempts) execute function linger()`.execute(
    query,
  );
  const failed = new Set<number>();
  const failOnce = ({ n }: { n: number }, consumer: string): void => {
    if (consumer !== 'in-order' || n % 5 !== 0 || failed.has(n)) return;
    failed.add(n);
    throw new Error('fails the first time');
  };
  const broker = createLocalBroker({ log: silent });
  for (let copy = 0; copy < 3; copy++) await pipeline.startReceiver(broker, failOnce, { pollMs: 20 });
  await pipeline.startSender(broker);
  const items = Array.from({ length: 20 }, (_, n) => ({ key: 'k', n }));
  await pipeline.append(...items);
  await pipeline.expectOnce(items);
  expect((await pipeline.effects('in-order')).map(({ n }) => n)).toEqual(items.map(({ n }) => n));
  expect(failed.size).toBe(4);
});
