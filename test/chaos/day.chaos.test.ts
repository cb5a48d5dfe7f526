import { setTimeout as lasting } from 'node:timers/promises';
import { eventually } from '@stoa/service/testing';
import pg from 'pg';
import { expect, test } from 'vitest';
import { expectDrained } from './ledger.ts';
import { useSystem } from './scenario.ts';
import type { System } from './system.ts';

const system = useSystem();
/** A day of more than a hundred thousand messages, in which no vacuum runs. */
const MESSAGES = 120_000;
const PART = 10_000;
/** How long the processes are watched while there is nothing to do. */
const WATCHED_MS = 20_000;
const SERVICES = ['users', 'mailer'] as const;

/** Deletions of accounts that do not exist, for the mailer alone: a row of its own for each, and many in one transaction. */
const append = (ask: System['ask']) =>
  ask(
    'users',
    `insert into outbox (message_id, type, version, key, subscribers, correlation_id, traceparent, data)
     select uuidv7(), 'user-deleted', 1, id, '{mailer}', 'day', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
       json_build_object('userId', id, 'deletedAt', '2026-11-21T09:00:00.000Z')
     from (select gen_random_uuid()::text as id from generate_series(1, ${PART})) as ids`,
  );

const pagesOf = async (ask: System['ask']): Promise<number> => {
  const [row] = await ask<{ pages: number }>(
    'users',
    `select sum(blks_hit + blks_read)::float8 as pages from pg_stat_database where datname in ('stoa_users', 'stoa_mailer')`,
  );
  return row?.pages as number;
};

/** Pages that all processes touch in a second in which nothing happens: what their polls cost. */
async function pagesAtRest(ask: System['ask']): Promise<number> {
  const before = await pagesOf(ask);
  await lasting(WATCHED_MS);
  return ((await pagesOf(ask)) - before) / (WATCHED_MS / 1_000);
}

/** Switches autovacuum off everywhere, and holds a snapshot as a backup does, so that no dead row is removed. */
async function withoutVacuum({ postgres, ask }: System): Promise<AsyncDisposable> {
  const stack = new AsyncDisposableStack();
  for (const service of SERVICES) {
    await ask(
      service,
      `do $$ declare name regclass; begin
         for name in select oid from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace loop
           execute format('alter table %s set (autovacuum_enabled = off)', name);
         end loop;
       end $$`,
    );
    const holder = new pg.Client({ connectionString: Object.assign(new URL(postgres.url()), { pathname: `/stoa_${service}` }).href });
    await holder.connect();
    stack.defer(() => holder.end());
    await holder.query('begin isolation level repeatable read');
    await holder.query('select from inbox limit 1');
  }
  return stack;
}

test('a day without vacuum, and under the snapshot of another session: neither a message nor a poll costs more in the end', async () => {
  const { ask } = system();
  await using _ = await withoutVacuum(system());
  /** Appends a part, and waits until the mailer has received it, which costs as little late in the day as early. */
  const pass = async () => {
    const [{ begun } = { begun: '' }] = await ask<{ begun: string }>('mailer', 'select now()::text as begun');
    await append(ask);
    const heard = 'select count(*)::integer as count from deleted_users where heard_at >= $1';
    await eventually(async () => expect(await ask('mailer', heard, [begun])).toEqual([{ count: PART }]), {
      timeoutMs: 400_000,
      intervalMs: 500,
    });
  };
  await pass();
  const restingBefore = await pagesAtRest(ask);
  const perMessage: number[] = [];
  for (let sent = PART; sent < MESSAGES; sent += PART) {
    const before = await pagesOf(ask);
    await pass();
    perMessage.push(((await pagesOf(ask)) - before) / PART);
  }
  await eventually(() => expectDrained(ask), { timeoutMs: 60_000 });
  const restingAfter = await pagesAtRest(ask);
  const [first, last] = [perMessage[0], perMessage.at(-1)] as [number, number];
  const whole = (count: number) => count.toFixed(0);
  console.log(`| a day without vacuum | ${MESSAGES} messages | pages a message: ${perMessage.map(whole).join(' ')} |`);
  console.log(`| a day without vacuum | pages a second at rest: ${whole(restingBefore)} before, ${whole(restingAfter)} after |`);
  const [heard] = await ask<{ count: number }>('mailer', 'select count(*)::integer as count from deleted_users');
  expect(heard?.count).toBe(MESSAGES);
  expect(last).toBeLessThan(1.5 * first);
  expect(restingAfter).toBeLessThan(2 * restingBefore);
});
