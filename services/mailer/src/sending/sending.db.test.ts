import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { codeOf, tokenOf } from '../testing/fake-secrets.ts';
import { sendingFixture } from '../testing/sending-fixture.ts';

let house: Awaited<ReturnType<typeof sendingFixture>>;
beforeAll(async () => {
  house = await sendingFixture();
});
beforeEach(async () => {
  await house.database.query
    .updateTable('pacing')
    .set({ next_at: new Date(0) })
    .execute();
  house.smtp.behave('accept');
  house.users.state.away = false;
});
afterEach(() => house.stopAll());
afterAll(() => house[Symbol.asyncDispose]());

const statusOf = async (recipient: string) => (await house.mail(recipient)).status;
const finished = (recipient: string, status: string) => eventually(async () => expect(await statusOf(recipient)).toBe(status));

describe('a mail', () => {
  test('leaves with its code, and what is stored of it shows the mask', async () => {
    await house.startSender();
    const [mail] = await house.queue(1, 'Ada');
    const { recipient, requestId } = mail as NonNullable<typeof mail>;
    await finished(recipient, 'sent');
    const [received] = house.receivedBy(recipient);
    expect(received?.text?.split('\n')).toContain(codeOf(requestId));
    expect(await house.mail(recipient)).toMatchObject({
      status: 'sent',
      owner: null,
      reason: null,
      content: expect.stringContaining('\n••••\n'),
    });
    expect(await house.attempts(recipient)).toMatchObject([
      { number: 1, status: 'sent', transport: 'smtp', response: expect.stringMatching(/^250 /) },
    ]);
    expect((await house.mail(recipient)).message_id).toBe(received?.messageId);
  });

  test('an idle sender takes a mail at once, not at the next look', async () => {
    await house.startSender({ ratePerSecond: 1 });
    const [mail] = await house.queue(1);
    const recipient = mail?.recipient ?? '';
    await finished(recipient, 'sent');
    const [attempt] = await house.attempts(recipient);
    const waitedMs = (attempt?.started_at.getTime() ?? Number.POSITIVE_INFINITY) - (await house.mail(recipient)).created_at.getTime();
    // The next look is half a minute away.
    expect(waitedMs).toBeLessThan(10_000);
  });

  test('superseded by the time it leaves is not sent, leaves no attempt and gives its turn away', async () => {
    const [first, second] = await house.queue(2);
    house.users.gone.add(first?.requestId ?? '');
    await house.startSender({ ratePerSecond: 0.01 });
    // A turn comes every hundred seconds.
    await finished(second?.recipient ?? '', 'sent');
    expect(await statusOf(first?.recipient ?? '')).toBe('superseded');
    expect(await house.attempts(first?.recipient ?? '')).toEqual([]);
    expect(house.receivedBy(first?.recipient ?? '')).toEqual([]);
  });

  test('waits while users is away, without an attempt, and leaves when users is back', async () => {
    house.users.state.away = true;
    await house.startSender();
    const [mail] = await house.queue(1);
    const recipient = mail?.recipient ?? '';
    await eventually(async () => expect(await house.mail(recipient)).toMatchObject({ status: 'queued', deferrals: 1, failures: 0 }));
    expect(await house.attempts(recipient)).toEqual([]);
    house.users.state.away = false;
    await finished(recipient, 'sent');
    expect(house.receivedBy(recipient)).toHaveLength(1);
  });
});

describe('a mail server that', () => {
  test('refuses for good ends the mail: failed, with its answer', async () => {
    house.smtp.behave({ refuse: 550, text: 'no such user' });
    await house.startSender();
    const [mail] = await house.queue(1);
    await finished(mail?.recipient ?? '', 'failed');
    expect(await house.mail(mail?.recipient ?? '')).toMatchObject({ reason: expect.stringContaining('no such user'), failures: 0 });
    expect(await house.attempts(mail?.recipient ?? '')).toMatchObject([{ status: 'failed' }]);
  });

  test('refuses for now gets the mail again later, as a second attempt', async () => {
    house.smtp.behave({ refuse: 451 });
    await house.startSender();
    const [mail] = await house.queue(1);
    const recipient = mail?.recipient ?? '';
    await eventually(async () => expect(await house.mail(recipient)).toMatchObject({ status: 'queued', failures: 1 }));
    house.smtp.behave('accept');
    await finished(recipient, 'sent');
    expect((await house.attempts(recipient)).map(({ status }) => status)).toEqual(['failed', 'sent']);
    expect(house.receivedBy(recipient)).toHaveLength(1);
  });

  test('takes the mail and never answers leaves an unknown attempt; the copy that follows has the same Message-ID', async () => {
    house.smtp.behave('hang');
    await house.startSender({ silenceMs: 300 });
    const [mail] = await house.queue(1);
    const recipient = mail?.recipient ?? '';
    await eventually(async () => expect(await house.mail(recipient)).toMatchObject({ status: 'queued', unknowns: 1 }));
    house.smtp.behave('accept');
    await finished(recipient, 'sent');
    const statuses = (await house.attempts(recipient)).map(({ status }) => status);
    // On a busy machine a second try may find the silence too long as well.
    expect([new Set(statuses.slice(0, -1)), statuses.at(-1)]).toEqual([new Set(['unknown']), 'sent']);
    expect(new Set(house.receivedBy(recipient).map(({ messageId }) => messageId)).size).toBe(1);
  });

  test('quotes the code in its answer does not bring it into the audit', async () => {
    const [mail] = await house.queue(1);
    const { recipient, requestId } = mail as NonNullable<typeof mail>;
    house.smtp.behave({ refuse: 550, text: `the text ${codeOf(requestId)} looks like spam` });
    await house.startSender();
    await finished(recipient, 'failed');
    expect(JSON.stringify([await house.mail(recipient), await house.attempts(recipient)])).toContain('the text •••• looks like spam');
  });

  test('quotes a link in its answer does not bring the token into the audit', async () => {
    const [mail] = await house.queue(1, null, undefined, 'reset-password');
    const { recipient, requestId } = mail as NonNullable<typeof mail>;
    const token = tokenOf(requestId);
    house.smtp.behave({ refuse: 550, text: `the link #token=3D${token.slice(0, 20)}= ${token.slice(20)} looks like spam` });
    await house.startSender();
    await finished(recipient, 'failed');
    const audit = JSON.stringify([await house.mail(recipient), await house.attempts(recipient)]);
    expect(audit).toContain('the link #token=••••= •••• looks like spam');
    expect(audit).not.toContain(token.slice(0, 10));
  });

  test('is slow does not hold back the rate', async () => {
    house.smtp.behave({ acceptAfterMs: 250 });
    await house.startSender({ ratePerSecond: 40, connections: 20 });
    const mails = await house.queue(40);
    for (const { recipient } of mails) await finished(recipient, 'sent');
    const attempts = (await Promise.all(mails.map(({ recipient }) => house.attempts(recipient)))).flat();
    const begun = attempts.map(({ started_at }) => started_at.getTime()).toSorted((one, other) => one - other);
    const ended = attempts.map(({ ended_at }) => ended_at?.getTime() ?? 0).toSorted((one, other) => one - other);
    // Several are on their way at a time: while the first was, others began.
    expect(begun.filter((at) => at < (ended[0] as number)).length).toBeGreaterThan(2);
  });
});

describe('a delivery that breaks off', () => {
  afterEach(async () => {
    await house.stopAll();
    await house.database.query.updateTable('mails').set({ status: 'failed' }).where('template', '=', NEWER).execute();
  });
  const NEWER = 'a-template-of-tomorrow';

  test('goes back and waits longer each time, without an attempt, and hurts no other mail', async () => {
    const [broken] = await house.queue(1);
    const recipient = broken?.recipient ?? '';
    await house.database.query.updateTable('mails').set({ template: NEWER }).where('recipient', '=', recipient).execute();
    await house.startSender();
    const [next] = await house.queue(1);
    await finished(next?.recipient ?? '', 'sent');
    await eventually(async () => expect(await house.mail(recipient)).toMatchObject({ status: 'queued', deferrals: 1 }));
    const { due_at, created_at } = await house.mail(recipient);
    expect(due_at.getTime() - created_at.getTime()).toBeGreaterThan(500);
    await eventually(async () => expect(await house.mail(recipient)).toMatchObject({ status: 'queued', deferrals: 2 }));
    expect(await house.attempts(recipient)).toEqual([]);
  });

  test('ends as failed when the mail is wanted no more', async () => {
    const [broken] = await house.queue(1);
    const recipient = broken?.recipient ?? '';
    const created_at = new Date(Date.now() - 25 * 3_600_000);
    await house.database.query.updateTable('mails').set({ template: NEWER, created_at }).where('recipient', '=', recipient).execute();
    await house.startSender();
    await finished(recipient, 'failed');
    expect(await house.mail(recipient)).toMatchObject({ reason: 'the delivery broke off', owner: null, finished_at: expect.any(Date) });
  });
});

test('mails whose claim was committed, and not answered, are left to others by a process that stops just then', async () => {
  const { promise: lost, resolve } = Promise.withResolvers<void>();
  const losesAnswer = (result: unknown): boolean => {
    const isClaim = ((result as { mails?: readonly unknown[] } | undefined)?.mails ?? []).length > 0;
    if (isClaim) resolve();
    return isClaim;
  };
  const [mail] = await house.queue(1);
  const { recipient } = mail as NonNullable<typeof mail>;
  const stopping = await house.startSender({ losesAnswer });
  await lost;
  await stopping.stop();
  await house.startSender();
  await finished(recipient, 'sent');
  expect(house.receivedBy(recipient)).toHaveLength(1);
});

test('mails whose claim was committed, and not answered, leave all the same, once, from the process that lives on', async () => {
  let lost = 0;
  const losesAnswer = (result: unknown): boolean => {
    const isClaim = lost < 2 && ((result as { mails?: readonly unknown[] } | undefined)?.mails ?? []).length > 0;
    if (isClaim) lost += 1;
    return isClaim;
  };
  const mails = await house.queue(20);
  await house.startSender({ losesAnswer });
  for (const { recipient } of mails) await finished(recipient, 'sent');
  expect(lost).toBe(2);
  for (const { recipient } of mails) expect(house.receivedBy(recipient)).toHaveLength(1);
});

describe('the pace', () => {
  // The database notes each claim in the transaction that makes it: how late a sender goes on with it does not count.
  beforeAll(async () => {
    await sql`create table claims (position bigint, instance uuid, at timestamptz)`.execute(house.database.query);
    await sql`
      create function note_claim() returns trigger language plpgsql as
      $$ begin insert into claims values (new.position, new.owner, clock_timestamp()); return null; end $$`.execute(house.database.query);
    await sql`
      create trigger note_claim after update on mails for each row
      when (old.status = 'queued' and new.status = 'sending') execute function note_claim()`.execute(house.database.query);
  });

  test('of two senders together is the rate, and the order is that of the queue', async () => {
    const mails = await house.queue(60);
    await Promise.all([house.startSender({ ratePerSecond: 20 }), house.startSender({ ratePerSecond: 20 })]);
    for (const { recipient } of mails) await finished(recipient, 'sent');
    const { rows: claims } = await sql<{ position: string; instance: string; at: Date }>`
      select position, instance, at from claims order by at`.execute(house.database.query);
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
