import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { afterEach, expect, test } from 'vitest';
import { createInbox } from './inbox.ts';
import { createLocalBroker } from './local-broker.ts';
import { type Happening, happened, silent } from './testing/copies.ts';
import { openPipeline, type Pipeline } from './testing/pipeline.ts';

const script = fileURLToPath(new URL('./testing/doomed-process.ts', import.meta.url));
const happenings = (count: number): Happening[] => Array.from({ length: count }, (_, n) => ({ key: `key ${n % 20}`, n }));

/** A test that fails leaves none of them running. */
const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});

async function startDoomed(place: string, { sender, receiver }: Pipeline): Promise<ChildProcess> {
  const child = spawn(process.execPath, [script, place, sender.url, receiver.url], { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  await Promise.race([
    once(child.stdout as NodeJS.ReadableStream, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error(`the process at ${place} ended by itself`))),
  ]);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Messages in the receiver's inbox, without a process that could handle them. */
async function fillInbox({ receiver }: Pipeline, items: readonly Happening[]): Promise<void> {
  const consumers = ['any-order', 'in-order'].map((name) => ({ name, event: happened, handle: async () => {} }));
  const { accept } = createInbox(receiver.database, consumers, silent);
  const message = ({ key, n }: Happening) => ({
    ...{ id: `0199d3a0-0000-7000-8000-${String(n).padStart(12, '0')}`, type: 'happened', version: 1, source: 'sender', key },
    ...{ occurredAt: new Date().toISOString(), correlationId: 'c', traceparent: '', data: { key, n } },
  });
  await accept(items.map(message));
}

test('killed between the effect and its commit: the row is free at once, and the effect happens once', async () => {
  await using pipeline = await openPipeline();
  const items = happenings(5);
  const { query } = pipeline.receiver.database;
  await sql`create table handled (attempts integer)`.execute(query);
  await sql`create function note() returns trigger language plpgsql as $$ begin insert into handled values (old.attempts); return null; end $$`.execute(
    query,
  );
  await sql`create trigger noting after delete on inbox for each row execute function note()`.execute(query);
  await fillInbox(pipeline, items);
  await kill(await startDoomed('before-commit', pipeline));
  expect(await pipeline.effects()).toEqual([]);
  await pipeline.startReceiver(createLocalBroker({ log: silent }));
  await pipeline.expectOnce(items);
  const { rows } = await sql`select distinct attempts from handled`.execute(query);
  expect(rows).toEqual([{ attempts: 0 }]);
});

test('a message that kills each process that handles it: its tries are counted, it ends as a dead letter, and the others are handled', async () => {
  await using pipeline = await openPipeline();
  const items = happenings(30);
  await fillInbox(pipeline, items);
  const letters = async () =>
    (await sql`select consumer, key, attempts, reason from dead_letters order by consumer`.execute(pipeline.receiver.database.query)).rows;
  let deaths = 0;
  while ((await letters()).length < 2) {
    const child = spawn(process.execPath, [script, 'handler', pipeline.sender.url, pipeline.receiver.url], { stdio: 'inherit' });
    const exited = once(child, 'exit');
    const ending = new AbortController();
    const isDead = eventually(async () => {
      if (!ending.signal.aborted) expect(await letters()).toHaveLength(2);
    });
    await Promise.race([exited, isDead]);
    ending.abort();
    if (child.exitCode === null && child.signalCode === null) await kill(child);
    else deaths += 1;
    await exited;
    // Twice as many as it takes: two consumers, four tries each, and one that nobody could count.
    expect(deaths).toBeLessThan(20);
  }
  const reason = 'the process that handled it ended';
  expect(await letters()).toEqual(['any-order', 'in-order'].map((consumer) => ({ consumer, key: 'key 13', attempts: 4, reason })));
  const receiver = await pipeline.startReceiver(createLocalBroker({ log: silent }));
  await eventually(async () => expect(await pipeline.effects()).toHaveLength(58));
  expect(await receiver.deadLetters.replayAll({})).toBe(2);
  await pipeline.expectOnce(items);
}, 60_000);

test('killed between publishing and marking: the rows go out again and the inbox ignores them', async () => {
  await using pipeline = await openPipeline();
  const items = happenings(40);
  await pipeline.append(...items);
  await kill(await startDoomed('before-mark', pipeline));
  const { rows } = await sql`select from outbox where sent_at is null`.execute(pipeline.sender.database.query);
  expect(rows).toHaveLength(40);
  const broker = createLocalBroker({ log: silent });
  await pipeline.startReceiver(broker);
  await pipeline.startSender(broker);
  await pipeline.expectOnce(items);
});

test('four processes compete and one of them is killed: each effect once, in the order of its key', async () => {
  await using pipeline = await openPipeline();
  const items = happenings(1_500);
  const children = await Promise.all([1, 2, 3, 4].map(() => startDoomed('nowhere', pipeline)));
  for (let from = 0; from < items.length; from += 100) await fillInbox(pipeline, items.slice(from, from + 100));
  const [first, ...others] = children;
  await eventually(async () => expect((await pipeline.effects()).length).toBeGreaterThan(100));
  await kill(first as ChildProcess);
  await pipeline.expectOnce(items);
  for (const [, effects] of Map.groupBy(await pipeline.effects('in-order'), ({ key }) => key)) {
    const order = effects.map(({ n }) => n);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  }
  await Promise.all(others.map(kill));
});
