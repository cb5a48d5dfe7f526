import type { AddressInfo } from 'node:net';
import { drained } from '@stoa/messaging/testing';
import type { Service } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { createTransport } from 'nodemailer';
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

const mailsTo = (email: string) => system.database.query.selectFrom('mails').selectAll().where('recipient', '=', email).execute();

describe('from the event to the mailbox', () => {
  test('a registration brings a welcome with the code, and its correlation id is on the mail', async () => {
    const { email, code, correlationId } = await system.request();
    const { status, message } = await latest(service, email);
    expect(status).toBe(200);
    expect(message).toMatchObject({ to: email, subject: 'Welcome to Stoa: activate your account', code, from: 'no-reply@stoa.localhost' });
    expect(message.text).toContain('Hi Ada Lovelace,');
    expect(message.html).toContain('Ada Lovelace');
    expect(await mailsTo(email)).toMatchObject([{ template: 'welcome', correlation_id: correlationId }]);
  });

  test('a resend brings the new code alone', async () => {
    const { email, code } = await system.request({ reason: 'resend', fullName: null });
    const { message } = await latest(service, email);
    expect(message).toMatchObject({ subject: 'Your new activation code for Stoa', code });
    expect(message.text).toContain('\nHi,\n');
  });

  test('an event that comes several times makes one mail', async () => {
    const requests = await Promise.all(Array.from({ length: 20 }, () => system.request()));
    for (const { email } of requests) await latest(service, email);
    await drained(system.database);
    for (const { email } of requests) expect(await mailsTo(email)).toHaveLength(1);
  });

  test('an event that is replayed when the inbox has long forgotten it makes no second mail', async () => {
    const { email, again } = await system.request();
    await latest(service, email);
    await drained(system.database);
    await sql`truncate inbox, inbox_seen`.execute(system.database.query);
    await again();
    await eventually(async () => expect((await sql`select from inbox_seen`.execute(system.database.query)).rows).toHaveLength(1));
    await drained(system.database);
    expect(await mailsTo(email)).toHaveLength(1);
  });

  test('a request that is gone when its mail would leave brings nothing', async () => {
    const requestId = 'a2b7b1f0-3f7e-4a3e-9d3c-0d8f4b6d9c11';
    system.gone.add(requestId);
    const { email } = await system.request({ requestId });
    await eventually(async () => expect(await mailsTo(email)).toMatchObject([{ status: 'superseded' }]));
    expect((await service.http.inject(`/mailbox/messages/latest?to=${email}`)).statusCode).toBe(404);
  });
});

describe('names are strangers’ text', () => {
  test.each([
    ['line breaks and headers', 'Ada\r\nBcc: thief\r\n\r\n0000', 'Hi Ada Bcc: thief 0000,'],
    ['a code on a line of its own', 'Ada\u2028 9999 \u2029', 'Hi Ada 9999,'],
    ['markup', '<script>alert(1)</script>"\'><img src=x>', 'Hi <script>alert(1)</script>"\'><img src=x>,'],
    ['template syntax', '{{code}} {{{code}}} {{#if name}}', 'Hi {{code}} {{{code}}} {{#if name}},'],
    ['marks that turn the text round', 'Ada \u202eecalevoL\u2069', 'Hi Ada ecalevoL,'],
    ['an advertisement', 'Win at https://evil.example/ now', 'Hi,'],
  ])('%s stay text', async (_title, fullName, greeting) => {
    const { email, code } = await system.request({ fullName });
    const { message } = await latest(service, email);
    expect(message.text.split(/\r?\n/)).toContain(greeting);
    expect(message.code).toBe(code);
    expect(message.links).toEqual([]);
    expect(message.html).not.toMatch(/<script|<img|&lt;script&gt;alert\(1\)<|href/);
    const raw = (await service.http.inject(`/mailbox/messages/${message.id}/raw`)).body;
    expect(raw.slice(0, raw.indexOf('\r\n\r\n'))).not.toMatch(/^bcc:/im);
  });
});

describe('secrets', () => {
  test('a code is nowhere but in the mailbox: not in another table, not in the log', async () => {
    const { email, code } = await system.request({ requestId: '5e0f6a52-52a1-4b56-8b7c-0000e3f3a2d1' });
    await latest(service, email);
    await eventually(async () => expect(await mailsTo(email)).toMatchObject([{ status: 'sent' }]));
    const { rows: tables } = await sql<{ name: string }>`
      select table_name as name from information_schema.tables where table_schema = 'public' and table_name <> 'mailbox_messages'`.execute(
      system.database.query,
    );
    expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(['mails', 'attempts', 'inbox']));
    const word = `\\m${code}\\M`;
    for (const { name } of tables) {
      const { rows } = await sql`select * from ${sql.table(name)} as dump where dump::text ~ ${word}`.execute(system.database.query);
      expect(rows, name).toEqual([]);
    }
    expect(system.logged.length).toBeGreaterThan(0);
    expect(
      system.logged.filter((line) => line.includes(email) || new RegExp(`\\b${code}\\b`).test(line.replace(/"time":"[^"]*"/, ''))),
    ).toEqual([]);
  });

  test('no other program of this machine can put a mail into the mailbox', async () => {
    const ports = await listeningPorts();
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) {
      for (const auth of [undefined, { user: 'stoa', pass: 'guess' }]) {
        const stranger = createTransport({ host: '127.0.0.1', port, ...(auth && { auth }), connectionTimeout: 500, greetingTimeout: 500 });
        await expect(stranger.sendMail({ from: 'a@example.com', to: 'stranger@example.com', text: 'hello' })).rejects.toThrow();
      }
    }
    expect((await service.http.inject('/mailbox/messages?to=stranger@example.com')).json().items).toEqual([]);
  });
});

test('health names every part', async () => {
  const { statusCode, body } = await service.http.inject('/health/ready');
  expect({ statusCode, names: JSON.parse(body).parts.map(({ name }: { name: string }) => name) }).toEqual({
    statusCode: 200,
    names: ['database', 'relay', 'inbox', 'sender', 'mailbox'],
  });
});

test('metrics count what left', async () => {
  const { body } = await service.http.inject('/metrics');
  expect(body).toMatch(/mailer_mails_total\{template="welcome",status="sent"\} \d+/);
  expect(body).toMatch(/mailer_oldest_queued_seconds \d/);
});

/** The SMTP servers of this process. */
async function listeningPorts(): Promise<number[]> {
  const handles = (
    process as unknown as { _getActiveHandles(): { address?: () => AddressInfo | string | null; listening?: boolean }[] }
  )._getActiveHandles();
  return handles
    .filter(({ listening }) => listening)
    .map((handle) => handle.address?.())
    .filter((address) => typeof address === 'object' && address !== null)
    .map(({ port }) => port);
}
