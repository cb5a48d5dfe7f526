import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Service } from '@stoa/service';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { latest, mailerFixture } from '../testing/mailer-fixture.ts';
import { createMailboxStore, type MailboxStore } from './mailbox-store.ts';

let system: Awaited<ReturnType<typeof mailerFixture>>;
let service: Service;
let store: MailboxStore;
beforeAll(async () => {
  system = await mailerFixture();
  service = await system.start();
  store = createMailboxStore(system.database);
});
afterAll(() => system[Symbol.asyncDispose]());

let count = 0;
const arrive = (to: string, fields: { subject?: string; text?: string; html?: string } = {}) =>
  store.add({
    sender: 'no-reply@stoa.test',
    recipients: [to],
    subject: `message ${++count}`,
    messageId: undefined,
    text: 'Hello\n',
    html: undefined,
    raw: Buffer.from('raw'),
    ...fields,
  });
const get = async (path: string) => {
  const answer = await service.http.inject(path);
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: answer.headers['content-type']?.includes('json') ? answer.json() : answer.body,
  };
};
const subjects = ({ body }: { body: { items: { subject: string }[] } }) => body.items.map(({ subject }) => subject);

/** By the time these are answered, a request made before has found nothing and waits. */
const hasLooked = async ({ http }: Service) => {
  for (let n = 0; n < 5; n++) await http.inject('/mailbox/messages');
};

describe('the list', () => {
  test('is newest first, page after page, each message once', async () => {
    const to = 'pages@example.com';
    for (let n = 1; n <= 5; n++) await arrive(to, { subject: `page ${n}` });
    const first = await get(`/mailbox/messages?to=${to}&limit=3`);
    const second = await get(`/mailbox/messages?to=${to}&limit=3&cursor=${first.body.nextCursor}`);
    expect([subjects(first), subjects(second), second.body.nextCursor]).toEqual([
      ['page 5', 'page 4', 'page 3'],
      ['page 2', 'page 1'],
      null,
    ]);
  });

  test('goes by the address in any form, and by the whole address', async () => {
    await arrive('Whole.Address@Example.com', { subject: 'whole' });
    expect(subjects(await get('/mailbox/messages?to=whole.ADDRESS@example.com'))).toEqual(['whole']);
    expect(subjects(await get(`/mailbox/messages?to=${encodeURIComponent(' whole.address@Example。com')}`))).toEqual(['whole']);
    expect(subjects(await get('/mailbox/messages?to=address@example.com'))).toEqual([]);
    expect(subjects(await get('/mailbox/messages?to=whole.addres_@example.com'))).toEqual([]);
  });

  test.each(['limit=0', 'limit=101', 'limit=x', 'cursor=x', 'other=1', 'to='])('refuses ?%s', async (query) => {
    expect(await get(`/mailbox/messages?${query}`)).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
  });
});

describe('latest', () => {
  test('comes at once when it is there, with code and links', async () => {
    await arrive('there@example.com', { text: 'Hi\n\n4711\n\nhttps://stoa.test/x', html: '<a href="https://stoa.test/y">y</a>' });
    expect((await latest(service, 'there@example.com')).message).toMatchObject({
      code: '4711',
      links: ['https://stoa.test/x', 'https://stoa.test/y'],
    });
  });

  test('waits for a message that comes on another copy of the service', async () => {
    const other = await system.start();
    const waiting = latest(other, 'later@example.com');
    await hasLooked(other);
    await arrive('later@example.com', { subject: 'at last' });
    // Not when the wait is over: that is longer than a test may last.
    expect((await waiting).message).toMatchObject({ subject: 'at last' });
  });

  test('misses no message, however it falls between the query and the wait', async () => {
    const addresses = Array.from({ length: 40 }, (_, n) => `race-${n}@example.com`);
    const answers = addresses.map(async (to) => {
      const [answer] = await Promise.all([latest(service, to), arrive(to)]);
      return answer.status;
    });
    expect(await Promise.all(answers)).toEqual(addresses.map(() => 200));
  });

  test('of "after" is a newer one', async () => {
    const to = 'twice@example.com';
    await arrive(to, { subject: 'first' });
    const { message } = await latest(service, to);
    const waiting = latest(service, to, `&after=${message.id}`);
    await hasLooked(service);
    await arrive(to, { subject: 'second' });
    expect((await waiting).message.subject).toBe('second');
  });

  test('is 404 after the wait, and says what to do', async () => {
    const startedAt = performance.now();
    expect(await get('/mailbox/messages/latest?to=nobody@example.com&wait=1s')).toMatchObject({
      status: 404,
      body: { code: 'no_message_yet' },
    });
    expect(performance.now() - startedAt).toBeGreaterThan(900);
    expect(await get('/mailbox/messages/latest?to=nobody@example.com')).toMatchObject({ status: 404 });
  });

  test.each(['wait=61s', 'wait=10', 'wait=-1s', 'wait=1m', 'after=x'])('refuses ?%s', async (query) => {
    expect(await get(`/mailbox/messages/latest?${query}`)).toMatchObject({ status: 400 });
  });
});

describe('one message', () => {
  test('comes as data, as it was sent, and as harmless HTML', async () => {
    await arrive('one@example.com', { html: '<script>alert(1)</script><p>hello</p>' });
    const { id } = (await latest(service, 'one@example.com')).message;
    expect(await get(`/mailbox/messages/${id}`)).toMatchObject({ status: 200, body: { id, code: null, links: [] } });
    expect(await get(`/mailbox/messages/${id}/raw`)).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
      body: 'raw',
    });
    const { headers, body } = await get(`/mailbox/messages/${id}/html`);
    expect(body).toContain('<p>hello</p>');
    expect(headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'x-frame-options': 'SAMEORIGIN' });
    expect(headers['content-security-policy']).toMatch(/^sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline';/);
  });

  test.each(['', '/raw', '/html'])('that does not exist is 404 at …%s', async (part) => {
    expect(await get(`/mailbox/messages/0199d3a0-0000-7000-8000-000000000001${part}`)).toMatchObject({
      status: 404,
      body: { code: 'mailbox_message_not_found' },
    });
    expect(await get(`/mailbox/messages/no-id${part}`)).toMatchObject({ status: 400 });
  });
});

test('the page brings no inline script and may load nothing from elsewhere', async () => {
  const { headers, body } = await get('/mailbox');
  expect(body).not.toMatch(/<script(?![^>]*\bsrc="\/mailbox\/)|\son\w+=|javascript:|https?:\/\//i);
  expect(headers['content-security-policy']).toMatch(/script-src 'self'; style-src 'self'/);
  for (const [, asset] of String(body).matchAll(/(?:src|href)="(\/mailbox\/assets\/[^"]+)"/g))
    expect(await get(asset as string)).toMatchObject({ status: 200 });
  const again = await service.http.inject({ url: '/mailbox', headers: { 'if-none-match': headers['etag'] as string } });
  expect(again.statusCode).toBe(304);
});

test('the oldest make room for the newest 5,000', async () => {
  await sql`insert into mailbox_messages (id, sender, recipients, subject, content_text, raw)
    select gen_random_uuid(), 'old', '{}', 'old', '', '' from generate_series(1, 5000)`.execute(system.database.query);
  for (let n = 0; n < 100; n++) await arrive('new@example.com');
  const { total } = await system.database.query
    .selectFrom('mailbox_messages')
    .select((db) => db.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  expect(total).toBeLessThanOrEqual(5_099);
});

test('emptied, it is empty', async () => {
  await arrive('gone@example.com');
  expect((await service.http.inject({ method: 'DELETE', url: '/mailbox/messages' })).statusCode).toBe(204);
  expect((await get('/mailbox/messages')).body).toEqual({ items: [], nextCursor: null });
});

test('readers that wait do not hold up a stop', async () => {
  const leaving = await mailerFixture();
  const { http } = await leaving.start();
  await http.listen({ port: 0, host: '127.0.0.1' });
  const { port } = http.server.address() as AddressInfo;
  const events = await fetch(`http://127.0.0.1:${port}/mailbox/events`);
  const waiting = fetch(`http://127.0.0.1:${port}/mailbox/messages/latest?wait=60s`);
  await once(http.server, 'request');
  // The wait is longer than a test may last.
  await leaving[Symbol.asyncDispose]();
  expect((await waiting).status).toBe(404);
  expect(await events.text()).toContain('retry:');
});

test('with mails going elsewhere there is no mailbox', async () => {
  const elsewhere = await mailerFixture({ MAIL_URL: 'smtp://127.0.0.1:9', MAIL_FROM: 'a@b.c' });
  const { http } = await elsewhere.start();
  expect((await http.inject('/mailbox')).statusCode).toBe(404);
  expect((await http.inject('/mailbox/messages')).statusCode).toBe(404);
  await elsewhere[Symbol.asyncDispose]();
});
