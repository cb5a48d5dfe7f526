import { createContext, currentContext, runInContext, uuidv7 } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { Data, effect, openService } from './testing/working-service.ts';
import { type Job, job, PermanentError } from './types.ts';

test('a job runs when its time has come, in the context it was enqueued in', async () => {
  const contexts: unknown[] = [];
  const write = effect(() => contexts.push(currentContext()?.correlationId));
  await using service = await openService([write]);
  await service.messaging.start();
  const runAt = new Date(Date.now() + 400);
  await runInContext(createContext({ correlationId: 'of-the-request' }), () => service.enqueue(write, { n: 1 }, { runAt }));
  await eventually(async () => expect(await service.effects()).toEqual([1]));
  expect(Date.now()).toBeGreaterThanOrEqual(runAt.getTime());
  expect(contexts).toEqual(['of-the-request']);
});

test('the same id is enqueued once', async () => {
  const write = effect();
  await using service = await openService([write]);
  const id = uuidv7();
  for (const n of [1, 2]) await service.enqueue(write, { n }, { id });
  await service.messaging.start();
  await eventually(async () => expect(await service.effects()).toEqual([1]));
  await service.enqueue(write, { n: 3 }, { id });
  expect(await service.rows()).toEqual([]);
});

test('one bad row in a batch leaves no trace, and hurts no other', async () => {
  const tries: number[] = [];
  const write = effect((n) => {
    tries.push(n);
    if (n === 3) throw new Error('three is bad');
  });
  await using service = await openService([write], { leftoversExpected: 'the bad row' });
  for (let n = 1; n <= 6; n++) await service.enqueue(write, { n });
  await service.messaging.start();
  await eventually(async () => expect((await service.rows()).filter(({ status }) => status === 'pending')).toEqual([]));
  expect(await service.effects()).toEqual([1, 2, 4, 5, 6]);
  expect(await service.rows()).toEqual([{ consumer: 'job:write', status: 'dead', attempts: 3, reason: 'Error: three is bad' }]);
  // Once in the batch, which counts for nothing, and then the attempts that count; on a slow machine it may come into a batch once more.
  expect(tries.filter((n) => n === 3).length).toBeGreaterThanOrEqual(4);
});

test.for([
  ['time', { inboxBatchMs: 1 }],
  ['room', { batchBytes: 20 }],
] as const)(
  'what a batch had no %s for, or gave back because another row failed, is not taken for what killed a process',
  async ([, settings]) => {
    let failures = 0;
    const write = effect((n) => {
      // Once in the batch, which counts for nothing, and once by itself.
      if (n === 20 && failures++ < 2) throw new Error('not yet');
    });
    await using service = await openService([write], { settings });
    const { query } = service.database;
    await sql`create table counted (attempts integer)`.execute(query);
    await sql`create function note() returns trigger language plpgsql as $$ begin insert into counted values (new.attempts); return null; end $$`.execute(
      query,
    );
    await sql`create trigger noting after update on inbox for each row when (new.attempts <> old.attempts) execute function note()`.execute(
      query,
    );
    for (let n = 0; n < 30; n++) await service.enqueue(write, { n });
    await service.messaging.start();
    await eventually(async () => expect(await service.effects()).toHaveLength(30));
    expect((await sql`select attempts from counted`.execute(query)).rows).toEqual([{ attempts: 1 }]);
  },
);

test('what cannot get better is dead at the first try', async () => {
  const write = effect(() => {
    throw new PermanentError('never');
  });
  await using service = await openService([write], { leftoversExpected: 'the dead row' });
  await service.enqueue(write, {});
  await service.messaging.start();
  await eventually(async () =>
    expect(await service.rows()).toMatchObject([{ status: 'dead', attempts: 1, reason: 'PermanentError: never' }]),
  );
});

test.for([
  ['waits for something outside', () => new Promise(() => {})],
  ['is stuck in a statement', undefined],
] as const)('a handler that %s is ended by its time limit, and what waits behind it goes on', async ([, wait]) => {
  const write = job<unknown, typeof Data>({
    name: 'write',
    data: Data,
    async handle(tx, { n = 0 }) {
      await sql`insert into effects values (${n})`.execute(tx);
      if (n === 1) await (wait?.() ?? sql`select pg_sleep(60)`.execute(tx));
    },
  }) as Job;
  await using service = await openService([write], {
    settings: { handlerTimeoutMs: 200, handleAttempts: 1 },
    leftoversExpected: 'the dead row',
  });
  for (const n of [1, 2]) await service.enqueue(write, { n });
  await service.messaging.start();
  await eventually(async () => expect(await service.rows()).toMatchObject([{ status: 'dead' }]));
  await eventually(async () => expect(await service.effects()).toEqual([2]));
  expect((await service.rows())[0]?.['reason']).toMatch(/longer than 200 ms|statement timeout/);
});

test('cron enqueues once for all the runs that were missed, and again when the next one comes', async () => {
  const write = effect();
  await using service = await openService([write], { crons: [{ job: 'write', everySeconds: 3_600 }] });
  const { database, messaging } = service;
  await sql`insert into cron (job, every_seconds, next_at) values ('write', 3600, now() - interval '10 hours')`.execute(database.query);
  await messaging.start();
  await eventually(async () => expect(await service.effects()).toEqual([0]));
  const { rows } = await sql`select next_at > now() and next_at <= now() + interval '1 hour' as next from cron`.execute(database.query);
  expect(rows).toEqual([{ next: true }]);
  await sql`update cron set next_at = now()`.execute(database.query);
  await eventually(async () => expect(await service.effects()).toEqual([0, 0]));
});

test('many processes that poll at the same time enqueue a cron once', async () => {
  const write = effect();
  const crons = [{ job: 'write', everySeconds: 3_600 }];
  await using service = await openService([write], { crons });
  const { runCrons, declareCrons } = await import('./cron.ts');
  await declareCrons(service.database.query, crons, []);
  await Promise.all(Array.from({ length: 8 }, () => runCrons(service.database, 'service', [{ job: 'write', version: 1 }])));
  expect(await service.rows()).toHaveLength(1);
  await service.messaging.start();
  await eventually(async () => expect(await service.effects()).toEqual([0]));
});

test('what an earlier version handled goes, sent rows go after their time, dead and parked ones stay', async () => {
  await using service = await openService([effect()], { settings: { pruneEveryMs: 50 }, leftoversExpected: 'what is dead and parked' });
  const { query } = service.database;
  await sql`
    insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data, status, done_at)
    select 'c', gen_random_uuid(), 't', 1, 's', '', now(), '', '', 'null', case when n = 1 then 'dead' else 'done' end, now() - n * interval '20 days'
    from generate_series(1, 2500) as n`.execute(query);
  await sql`
    insert into outbox (message_id, type, version, key, subscribers, correlation_id, traceparent, data, sent_at, parked_at)
    select gen_random_uuid(), 't', 1, '', '{gone}', '', '', 'null', case when n > 1 then now() - n * interval '4 days' end, case when n = 1 then now() end
    from generate_series(1, 2500) as n`.execute(query);
  await service.messaging.start();
  const left = () =>
    sql`select (select count(*)::integer from inbox) as inbox, (select count(*)::integer from outbox) as outbox`.execute(query);
  await eventually(async () => expect((await left()).rows).toEqual([{ inbox: 1, outbox: 1 }]));
});
