import { randomUUID } from 'node:crypto';
import { migrationSourcesOf } from '@stoa/kit';
import { testDatabase } from '@stoa/postgres/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mailer } from '../index.ts';
import type { MailerTables } from '../tables.ts';
import { createCleanUp } from './clean-up.ts';
import { type MailFilter, mailsQuery } from './mails.view.ts';

let fixture: Awaited<ReturnType<typeof testDatabase<MailerTables>>>;
beforeAll(async () => {
  fixture = await testDatabase<MailerTables>({ sources: migrationSourcesOf(mailer) });
  // Ids in the order of time, as UUIDv7; one in a hundred failed, half of them are of one template.
  await sql`
    insert into mails (id, status, template, recipient, data, subject, content, message_id, cause_id, correlation_id, traceparent,
      created_at, finished_at)
    select ('0199d3a0-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, case when n % 100 = 0 then 'failed' else 'sent' end,
      case when n % 2 = 0 then 'welcome' when n % 997 = 0 then 'new-device' else 'activation-code' end,
      'person' || n / 3 || '@Example.com', '{}', 's', 't', 'm' || n, gen_random_uuid(), 'c', 't',
      now() - (50000 - n) * interval '3 minutes', now() - (50000 - n) * interval '3 minutes'
    from generate_series(1, 50000) as n`.execute(fixture.database.query);
  await sql`analyze mails`.execute(fixture.database.query);
});
afterAll(() => fixture[Symbol.asyncDispose]());

/** Every node of a plan. */
interface Plan {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly Plan[];
}
const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

describe('a page out of 50,000 mails is read from an index', () => {
  const BEFORE = '0199d3a0-0000-7000-8000-000000005000';
  const to = 'person4711@example.com';
  const filters: [string, MailFilter][] = [
    ['no filter', {}],
    ['to', { to }],
    ['the status of most', { status: 'sent' }],
    ['the status of a few', { status: 'failed' }],
    ['the status of none', { status: 'bounced' }],
    ['a frequent template', { template: 'welcome' }],
    ['a rare template', { template: 'new-device' }],
    ['all of them', { to, status: 'sent', template: 'welcome' }],
    ['status and template', { status: 'failed', template: 'new-device' }],
  ];
  test.each(filters.flatMap(([name, filter]) => [undefined, BEFORE].map((before) => [name, before, filter] as const)))(
    'by %s, from %s on',
    async (_name, before, filter) => {
      const query = mailsQuery(fixture.database.query, filter, 21, before);
      const [explained] = await query.explain<{ 'QUERY PLAN': [{ Plan: Plan }] }>('json');
      const nodes = nodesOf((explained as { 'QUERY PLAN': [{ Plan: Plan }] })['QUERY PLAN'][0].Plan);
      expect(nodes.map((node) => node['Node Type'])).not.toContain('Seq Scan');
      expect(nodes.some((node) => node['Index Name']?.startsWith('mails_'))).toBe(true);
    },
  );

  test('and finds what there is', async () => {
    const found = await mailsQuery(fixture.database.query, { to }, 21).execute();
    expect(found).toHaveLength(3);
    expect(found.map(({ id }) => id)).toEqual(
      found
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    );
  });
});

describe('the clean-up', () => {
  const days = (age: number) => new Date(Date.now() - age * 86_400_000);
  const cleanUp = () => fixture.database.transaction<unknown>((tx) => createCleanUp({ retentionDays: 90 }).handle(tx, {}));
  const remaining = async () =>
    (await sql<{ count: number }>`select count(*)::integer as count from mails`.execute(fixture.database.query)).rows[0]?.count ?? 0;

  test('forgets mails and their attempts a batch at a time, the oldest first, and leaves copies of them alone', async () => {
    const { query } = fixture.database;
    const oldest = await query.selectFrom('mails').select('id').orderBy('finished_at').executeTakeFirstOrThrow();
    const newest = await query.selectFrom('mails').select('id').orderBy('finished_at', 'desc').executeTakeFirstOrThrow();
    for (const { id } of [oldest, newest])
      await query
        .insertInto('attempts')
        .values({ id: randomUUID(), mail_id: id, number: 1, transport: 'smtp', instance_id: randomUUID() })
        .execute();
    await query.updateTable('mails').set({ resend_of: oldest.id }).where('id', '=', newest.id).execute();
    // Never ended: it stays, however old.
    await query
      .updateTable('mails')
      .set({ finished_at: null, status: 'queued', created_at: days(300) })
      .where('id', '=', BEFORE_ALL)
      .execute();
    const before = await remaining();
    await cleanUp();
    expect(await remaining()).toBe(before - 1_000);
    expect(await query.selectFrom('mails').select('id').where('id', 'in', [oldest.id, newest.id]).execute()).toEqual([newest]);
    expect(await query.selectFrom('attempts').select('mail_id').execute()).toEqual([{ mail_id: newest.id }]);
    expect(await query.selectFrom('mails').select('resend_of').where('id', '=', newest.id).executeTakeFirst()).toEqual({ resend_of: null });
    for (let left = before - 1_000; ; left = await remaining()) {
      await cleanUp();
      if ((await remaining()) === left) break;
    }
    const oldestLeft = await query.selectFrom('mails').select('finished_at').orderBy('finished_at').executeTakeFirstOrThrow();
    expect(oldestLeft.finished_at?.getTime()).toBeGreaterThan(days(90).getTime());
    expect(await query.selectFrom('mails').select('id').where('id', '=', BEFORE_ALL).execute()).toHaveLength(1);
  });
  const BEFORE_ALL = '0199d3a0-0000-7000-8000-000000000007';

  test('forgets deleted users when no event of theirs can be replayed any more, and no mail of theirs sent again', async () => {
    const [old, oldWithMail, young] = [randomUUID(), randomUUID(), randomUUID()];
    const newest = await fixture.database.query.selectFrom('mails').select('id').orderBy('id', 'desc').executeTakeFirstOrThrow();
    await fixture.database.query.updateTable('mails').set({ user_id: oldWithMail }).where('id', '=', newest.id).execute();
    const deleted = [
      { user_id: old, deleted_at: days(31), heard_at: days(31) },
      { user_id: oldWithMail, deleted_at: days(31), heard_at: days(31) },
      { user_id: young, deleted_at: days(29), heard_at: days(29) },
    ];
    await fixture.database.query.insertInto('deleted_users').values(deleted).execute();
    await cleanUp();
    const left = await fixture.database.query.selectFrom('deleted_users').select('user_id').orderBy('heard_at').execute();
    expect(left).toEqual([{ user_id: oldWithMail }, { user_id: young }]);
  });
});
