import { randomUUID } from 'node:crypto';
import { drained } from '@stoa/messaging/testing';
import type { Service } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { latest, mailerFixture } from './testing/mailer-fixture.ts';

let system: Awaited<ReturnType<typeof mailerFixture>>;
let service: Service;
beforeAll(async () => {
  system = await mailerFixture();
  service = await system.start();
});
afterAll(async () => {
  await drained(system.database);
  await system[Symbol.asyncDispose]();
});

const mailTo = (email: string) => system.database.query.selectFrom('mails').selectAll().where('recipient', '=', email).executeTakeFirst();

describe('a link', () => {
  test.each([
    ['set-password', 'Set the password of your Stoa account'],
    ['reset-password', 'Reset your Stoa password'],
    ['confirm-email', 'Confirm the new address of your Stoa account'],
  ] as const)('to %s arrives with its token, once, and leads to its page', async (purpose, subject) => {
    const { email, token } = await system.requestLink(purpose);
    const { message } = await latest(service, email);
    const link = `https://stoa.test/account/${purpose}#token=${token}`;
    expect(message).toMatchObject({ to: email, subject, links: [link], code: null });
    expect(message.text.split(/\r?\n/)).toContain(link);
    // Users says how long it works, once it is made.
    expect(message.text).toContain('The link works once and for 30 minutes.');
    await drained(system.database);
    expect((await service.http.inject(`/mailbox/messages?to=${email}`)).json().items).toHaveLength(1);
  });

  test('that is gone when its mail would leave is not sent', async () => {
    const requestId = randomUUID();
    system.gone.add(requestId);
    const { email } = await system.requestLink('reset-password', { requestId });
    await eventually(async () => expect(await mailTo(email)).toMatchObject({ status: 'superseded' }));
    expect((await service.http.inject(`/mailbox/messages/latest?to=${email}`)).statusCode).toBe(404);
  });

  test('has its token nowhere but in the mailbox: not in another table, not in the log', async () => {
    const { email, token } = await system.requestLink('reset-password');
    await latest(service, email);
    await eventually(async () =>
      expect(await mailTo(email)).toMatchObject({ status: 'sent', content: expect.stringContaining('#token=••••\n') }),
    );
    const { rows: tables } = await sql<{ name: string }>`
      select table_name as name from information_schema.tables where table_schema = 'public' and table_name <> 'mailbox_messages'`.execute(
      system.database.query,
    );
    for (const { name } of tables) {
      const { rows } = await sql`select * from ${sql.table(name)} as dump where position(${token} in dump::text) > 0`.execute(
        system.database.query,
      );
      expect(rows, name).toEqual([]);
    }
    expect(system.logged.filter((line) => line.includes(token))).toEqual([]);
  });
});

describe('a notice', () => {
  test('of a requested new address goes to the old one, and says which, when and what to do', async () => {
    const { email } = await system.notice('email-change-requested', { newEmail: 'countess@example.org' });
    const { message } = await latest(service, email);
    expect(message).toMatchObject({ subject: 'Another address is wanted for your Stoa account', links: [], code: null });
    for (const said of ['countess@example.org', '21 November 2026 at 09:00 UTC', 'change it']) {
      expect(message.text.replaceAll(/\s+/g, ' ')).toContain(said);
      expect(message.html.replaceAll(/\s+/g, ' ')).toContain(said);
    }
  });

  test('of a changed address says so', async () => {
    const { email } = await system.notice('email-changed', { newEmail: 'countess@example.org' });
    expect((await latest(service, email)).message.text).toContain('countess@example.org');
  });

  test('of a new device says when, where from and which', async () => {
    const device = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0';
    const { email } = await system.notice('new-device', { address: '203.0.113.7', device });
    const { text } = (await latest(service, email)).message;
    for (const said of ['Firefox on Linux', '203.0.113.7', '21 November 2026 at 09:00 UTC']) expect(text).toContain(said);
  });

  test.each([
    ['an advertisement', 'Lost! See https://evil.example/', 'Device: not known'],
    ['line breaks and a code', 'x\r\n\r\n1234\r\n\r\ny', 'Device: x 1234 y'],
    ['template syntax and markup', '{{link}} <a href="//evil">', 'Device: {{link}} <a href="//evil">'],
  ])('shows a device that calls itself %s as text', async (_what, device, line) => {
    const { email } = await system.notice('new-device', { device });
    const { message } = await latest(service, email);
    expect(message.text.split(/\r?\n/)).toContain(line);
    expect(message).toMatchObject({ links: [], code: null });
    expect(message.html).not.toContain('<a ');
  });
});

describe('a person who is deleted', () => {
  /** The pace is stopped: what is queued stays so. */
  const pause = (seconds: number) => sql`update pacing set next_at = now() + ${seconds} * interval '1 s'`.execute(system.database.query);
  const waiting = async (email: string) => eventually(async () => expect(await mailTo(email)).toMatchObject({ status: 'queued' }));

  test('gets nothing that still waits; everybody else does', async () => {
    await pause(3_600);
    const [gone, other] = [await system.requestLink('set-password'), await system.requestLink('set-password')];
    const notice = await system.notice('new-device', { userId: gone.userId });
    for (const { email } of [gone, other, notice]) await waiting(email);
    await system.deleteUser(gone.userId);
    for (const { email } of [gone, notice])
      await eventually(async () => expect(await mailTo(email)).toMatchObject({ status: 'superseded', reason: 'the account was deleted' }));
    expect(await mailTo(other.email)).toMatchObject({ status: 'queued' });
    await pause(-1);
    system.database.notify('mail_queued', 'pace');
    await latest(service, other.email);
    for (const { email } of [gone, notice]) expect((await service.http.inject(`/mailbox/messages?to=${email}`)).json().items).toEqual([]);
  });

  test('gets nothing either that was requested before and arrives after', async () => {
    const userId = randomUUID();
    await system.deleteUser(userId);
    const late = [await system.notice('email-changed', { userId }), await system.requestLink('confirm-email', { userId })];
    for (const { email } of late) {
      await eventually(async () => expect(await mailTo(email)).toMatchObject({ status: 'superseded', reason: 'the account was deleted' }));
      expect((await service.http.inject(`/mailbox/messages?to=${email}`)).json().items).toEqual([]);
    }
  });

  test('may be deleted by an event that comes several times', async () => {
    const { again } = await system.deleteUser(randomUUID());
    await again();
    await drained(system.database);
  });
});
