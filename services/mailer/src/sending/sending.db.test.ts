import { randomUUID } from 'node:crypto';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { codeOf, tokenOf } from '../testing/fake-secrets.ts';
import { sendingFixture } from '../testing/sending-fixture.ts';
import { createClaimMails } from './claim-mails.ts';

let system: Awaited<ReturnType<typeof sendingFixture>>;
beforeAll(async () => {
  system = await sendingFixture();
});
beforeEach(async () => {
  await system.database.query
    .updateTable('pacing')
    .set({ next_at: new Date(0) })
    .execute();
  system.smtp.behave('accept');
  system.users.state.away = false;
});
afterEach(() => system.stopAll());
afterAll(() => system[Symbol.asyncDispose]());

const statusOf = async (recipient: string) => (await system.mail(recipient)).status;
const finished = (recipient: string, status: string) => eventually(async () => expect(await statusOf(recipient)).toBe(status));

test('a sender that cannot listen for mails fails, and leaves nothing running', async () => {
  const instanceId = randomUUID();
  const listen = async (): Promise<never> => {
    throw new Error('no connection to listen on');
  };
  await expect(system.startSender({ instanceId, wrap: (whole) => ({ ...whole, listen }) })).rejects.toThrow('no connection to listen on');
  const { rows } = await sql`select from instances where id = ${instanceId}`.execute(system.database.query);
  expect(rows).toEqual([]);
});

describe('a mail', () => {
  test('leaves with its code, and what is stored of it shows the mask', async () => {
    await system.startSender();
    const [mail] = await system.queue(1, 'Ada');
    const { recipient, requestId } = mail as NonNullable<typeof mail>;
    await finished(recipient, 'sent');
    const [received] = system.receivedBy(recipient);
    expect(received?.text?.split('\n')).toContain(codeOf(requestId));
    expect(await system.mail(recipient)).toMatchObject({
      status: 'sent',
      owner: null,
      reason: null,
      content: expect.stringContaining('\n••••\n'),
    });
    expect(await system.attempts(recipient)).toMatchObject([
      { number: 1, status: 'sent', transport: 'smtp', response: expect.stringMatching(/^250 /) },
    ]);
    expect((await system.mail(recipient)).message_id).toBe(received?.messageId);
  });

  test('an idle sender takes a mail at once, not at the next look', async () => {
    await system.startSender({ ratePerSecond: 1 });
    const [mail] = await system.queue(1);
    const recipient = mail?.recipient ?? '';
    await finished(recipient, 'sent');
    const [attempt] = await system.attempts(recipient);
    const waitedMs = (attempt?.started_at.getTime() ?? Number.POSITIVE_INFINITY) - (await system.mail(recipient)).created_at.getTime();
    // The next look is half a minute away.
    expect(waitedMs).toBeLessThan(10_000);
  });

  test('superseded by the time it leaves is not sent, leaves no attempt and gives its turn away', async () => {
    const [first, second] = await system.queue(2);
    system.users.gone.add(first?.requestId ?? '');
    await system.startSender({ ratePerSecond: 0.01 });
    // A turn comes every hundred seconds.
    await finished(second?.recipient ?? '', 'sent');
    expect(await statusOf(first?.recipient ?? '')).toBe('superseded');
    expect(await system.attempts(first?.recipient ?? '')).toEqual([]);
    expect(system.receivedBy(first?.recipient ?? '')).toEqual([]);
  });

  test('waits while users is away, without an attempt, and leaves when users is back', async () => {
    system.users.state.away = true;
    await system.startSender();
    const [mail] = await system.queue(1);
    const recipient = mail?.recipient ?? '';
    await eventually(async () => expect(await system.mail(recipient)).toMatchObject({ status: 'queued', deferrals: 1, failures: 0 }));
    expect(await system.attempts(recipient)).toEqual([]);
    system.users.state.away = false;
    await finished(recipient, 'sent');
    expect(system.receivedBy(recipient)).toHaveLength(1);
  });
});

describe('a mail server that', () => {
  test('refuses for good ends the mail: failed, with its answer', async () => {
    system.smtp.behave({ refuse: 550, text: 'no such user' });
    await system.startSender();
    const [mail] = await system.queue(1);
    await finished(mail?.recipient ?? '', 'failed');
    expect(await system.mail(mail?.recipient ?? '')).toMatchObject({ reason: expect.stringContaining('no such user'), failures: 0 });
    expect(await system.attempts(mail?.recipient ?? '')).toMatchObject([{ status: 'failed' }]);
  });

  test('refuses for now gets the mail again later, as a second attempt', async () => {
    system.smtp.behave({ refuse: 451 });
    await system.startSender();
    const [mail] = await system.queue(1);
    const recipient = mail?.recipient ?? '';
    await eventually(async () => expect(await system.mail(recipient)).toMatchObject({ status: 'queued', failures: 1 }));
    system.smtp.behave('accept');
    await finished(recipient, 'sent');
    expect((await system.attempts(recipient)).map(({ status }) => status)).toEqual(['failed', 'sent']);
    expect(system.receivedBy(recipient)).toHaveLength(1);
  });

  test('takes the mail and never answers leaves an unknown attempt; the copy that follows has the same Message-ID', async () => {
    system.smtp.behave('hang');
    await system.startSender({ silenceMs: 300 });
    const [mail] = await system.queue(1);
    const recipient = mail?.recipient ?? '';
    await eventually(async () => expect(await system.mail(recipient)).toMatchObject({ status: 'queued', unknowns: 1 }));
    system.smtp.behave('accept');
    await finished(recipient, 'sent');
    const statuses = (await system.attempts(recipient)).map(({ status }) => status);
    // On a busy machine a second try may find the silence too long as well.
    expect([new Set(statuses.slice(0, -1)), statuses.at(-1)]).toEqual([new Set(['unknown']), 'sent']);
    expect(new Set(system.receivedBy(recipient).map(({ messageId }) => messageId)).size).toBe(1);
  });

  test('quotes the code in its answer does not bring it into the audit', async () => {
    const [mail] = await system.queue(1);
    const { recipient, requestId } = mail as NonNullable<typeof mail>;
    system.smtp.behave({ refuse: 550, text: `the text ${codeOf(requestId)} looks like spam` });
    await system.startSender();
    await finished(recipient, 'failed');
    expect(JSON.stringify([await system.mail(recipient), await system.attempts(recipient)])).toContain('the text •••• looks like spam');
  });

  test('quotes a link in its answer does not bring the token into the audit', async () => {
    const [mail] = await system.queue(1, null, undefined, 'reset-password');
    const { recipient, requestId } = mail as NonNullable<typeof mail>;
    const token = tokenOf(requestId);
    system.smtp.behave({ refuse: 550, text: `the link #token=3D${token.slice(0, 20)}= ${token.slice(20)} looks like spam` });
    await system.startSender();
    await finished(recipient, 'failed');
    const audit = JSON.stringify([await system.mail(recipient), await system.attempts(recipient)]);
    expect(audit).toContain('the link #token=••••= •••• looks like spam');
    expect(audit).not.toContain(token.slice(0, 10));
  });

  test('is slow does not hold back the rate', async () => {
    system.smtp.behave({ acceptAfterMs: 250 });
    await system.startSender({ ratePerSecond: 40, connections: 20 });
    const mails = await system.queue(40);
    for (const { recipient } of mails) await finished(recipient, 'sent');
    const attempts = (await Promise.all(mails.map(({ recipient }) => system.attempts(recipient)))).flat();
    const begun = attempts.map(({ started_at }) => started_at.getTime()).toSorted((one, other) => one - other);
    const ended = attempts.map(({ ended_at }) => ended_at?.getTime() ?? 0).toSorted((one, other) => one - other);
    // Several are on their way at a time: while the first was, others began.
    expect(begun.filter((at) => at < (ended[0] as number)).length).toBeGreaterThan(2);
  });
});

describe('a delivery that breaks off', () => {
  afterEach(async () => {
    await system.stopAll();
    await system.database.query.updateTable('mails').set({ status: 'failed' }).where('template', '=', NEWER).execute();
  });
  const NEWER = 'a-template-of-tomorrow';

  test('goes back and waits longer each time, without an attempt, and hurts no other mail', async () => {
    const [broken] = await system.queue(1);
    const recipient = broken?.recipient ?? '';
    await system.database.query.updateTable('mails').set({ template: NEWER }).where('recipient', '=', recipient).execute();
    await system.startSender();
    const [next] = await system.queue(1);
    await finished(next?.recipient ?? '', 'sent');
    await eventually(async () => expect(await system.mail(recipient)).toMatchObject({ status: 'queued', deferrals: 1 }));
    const { due_at, created_at } = await system.mail(recipient);
    expect(due_at.getTime() - created_at.getTime()).toBeGreaterThan(500);
    await eventually(async () => expect(await system.mail(recipient)).toMatchObject({ status: 'queued', deferrals: 2 }));
    expect(await system.attempts(recipient)).toEqual([]);
  });

  test('ends as failed when the mail is wanted no more', async () => {
    const [broken] = await system.queue(1);
    const recipient = broken?.recipient ?? '';
    const created_at = new Date(Date.now() - 25 * 3_600_000);
    await system.database.query.updateTable('mails').set({ template: NEWER, created_at }).where('recipient', '=', recipient).execute();
    await system.startSender();
    await finished(recipient, 'failed');
    expect(await system.mail(recipient)).toMatchObject({ reason: 'the delivery broke off', owner: null, finished_at: expect.any(Date) });
  });
});

describe('the pace', () => {
  // The database notes each claim in the transaction that makes it: how late a sender goes on with it does not count.
  beforeAll(async () => {
    await sql`create table claims (position bigint, instance uuid, at timestamptz)`.execute(system.database.query);
    await sql`
      create function note_claim() returns trigger language plpgsql as
      $$ begin insert into claims values (new.position, new.owner, clock_timestamp()); return null; end $$`.execute(system.database.query);
    await sql`
      create trigger note_claim after update on mails for each row
      when (old.status = 'queued' and new.status = 'sending') execute function note_claim()`.execute(system.database.query);
  });

  test('of two senders together is the rate, and the order is that of the queue', async () => {
    const mails = await system.queue(60);
    await Promise.all([system.startSender({ ratePerSecond: 20 }), system.startSender({ ratePerSecond: 20 })]);
    for (const { recipient } of mails) await finished(recipient, 'sent');
    const { rows: claims } = await sql<{ position: string; instance: string; at: Date }>`
      select position, instance, at from claims order by at`.execute(system.database.query);
    expect(claims).toHaveLength(mails.length);
    expect(new Set(claims.map(({ instance }) => instance)).size).toBe(2);
    const positions = claims.map(({ position }) => Number(position));
    expect(positions).toEqual(positions.toSorted((one, other) => one - other));
    const times = claims.map(({ at }) => at.getTime());
    const seconds = ((times.at(-1) as number) - (times[0] as number)) / 1_000;
    expect((times.length - 1) / seconds).toBeLessThan(20 * 1.05);
    // No second, wherever it begins, sees more than the rate allows.
    for (const [index, begin] of times.entries()) {
      expect(times.slice(index).filter((time) => time < begin + 1_000).length).toBeLessThanOrEqual(21);
    }
  });
});

describe('after the clock of the database was set back by an hour', () => {
  test('what was queued before leaves at the usual pace, and not in an hour', async () => {
    const mails = await system.queue(2);
    // What the rows look like then: all that was written says a time that is an hour ahead.
    const later = sql<Date>`now() + interval '1 hour'`;
    await system.database.query.updateTable('pacing').set({ next_at: later, written_at: later }).execute();
    await system.database.query.updateTable('mails').set({ created_at: later, due_at: later }).where('status', '=', 'queued').execute();
    await system.startSender({ ratePerSecond: 5 });
    for (const { recipient } of mails) await finished(recipient, 'sent');
    const { next_at: next, written_at: written } = await system.database.query
      .selectFrom('pacing')
      .select(['next_at', 'written_at'])
      .executeTakeFirstOrThrow();
    expect(next.getTime() - written.getTime()).toBeLessThanOrEqual(200);
    expect(written.getTime()).toBeLessThan(Date.now() + 60_000);
  });

  test('a pause that was written since then holds', async () => {
    const [mail] = await system.queue(1);
    await system.database.query
      .updateTable('pacing')
      .set({ next_at: sql<Date>`clock_timestamp() + interval '1 hour'`, written_at: sql<Date>`clock_timestamp()` })
      .execute();
    const claim = createClaimMails(5, randomUUID());
    expect(await system.database.transaction((tx) => claim(tx, 10))).toMatchObject({ claimed: [], paced: true });
    expect(await statusOf(mail?.recipient ?? '')).toBe('queued');
  });
});
