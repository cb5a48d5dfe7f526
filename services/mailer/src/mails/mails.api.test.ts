import { randomUUID } from 'node:crypto';
import { drained } from '@stoa/messaging/testing';
import type { Service } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { latest, mailerFixture } from '../testing/mailer-fixture.ts';

let system: Awaited<ReturnType<typeof mailerFixture>>;
let service: Service;
let reader: string;
let sender: string;
beforeAll(async () => {
  system = await mailerFixture();
  service = await system.start();
  reader = await system.who.person('mails:read');
  sender = await system.who.serviceAccount('mails:read', 'mails:resend');
});
afterAll(async () => {
  await drained(system.database);
  await system[Symbol.asyncDispose]();
});

const get = (path: string, authorization = reader) => service.http.inject({ url: path, headers: { authorization } });
const resend = (id: string, headers: Record<string, string> = {}) =>
  service.http.inject({ method: 'POST', url: `/v1/mails/${id}/resend`, headers: { authorization: sender, ...headers } });
const listed = async (query: string) => {
  const answer = await get(`/v1/mails?${query}`);
  expect(answer.statusCode).toBe(200);
  return answer.json() as { items: { id: string; to: string; status: string; resendOf: string | null }[]; nextCursor: string | null };
};
/** Once the mails to an address are at their end. */
const ended = (to: string, ...statuses: string[]) =>
  eventually(async () => {
    const { items } = await listed(`to=${to}`);
    expect(items.map(({ status }) => status)).toEqual(statuses);
    return items;
  });

describe('the list', () => {
  test('shows a mail by its address in any form, and nothing of its content', async () => {
    const { email } = await system.request();
    const [mail] = await ended(email, 'sent');
    expect((await listed(`to=%20${email.toUpperCase()}`)).items).toEqual([mail]);
    expect((await listed(`to=${encodeURIComponent(email.replace('.com', '。ｃｏｍ'))}`)).items).toEqual([mail]);
    expect(mail).toEqual({
      id: expect.any(String),
      to: email,
      template: 'welcome',
      subject: 'Welcome to Stoa: activate your account',
      status: 'sent',
      reason: null,
      createdAt: expect.any(String),
      finishedAt: expect.any(String),
      resendOf: null,
    });
  });

  test('goes through all of them page by page, newest first, each once, with any filter', async () => {
    const to = `${randomUUID()}@example.com`;
    for (const purpose of ['set-password', 'reset-password', 'reset-password', 'confirm-email', 'reset-password'] as const) {
      await system.requestLink(purpose, { email: to });
    }
    await ended(to, 'sent', 'sent', 'sent', 'sent', 'sent');
    for (const [filter, count] of [
      ['', 5],
      ['&template=reset-password', 3],
      ['&status=sent', 5],
      ['&status=sent&template=welcome', 0],
    ] as const) {
      const seen: string[] = [];
      let cursor: string | null = '';
      do {
        const page = await listed(`to=${to}${filter}&limit=2${cursor && `&cursor=${cursor}`}`);
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== null);
      expect(seen).toHaveLength(count);
      expect(seen).toEqual([...new Set(seen)].toSorted().toReversed());
    }
  });

  test('takes no cursor of another filter, no unknown status and no unknown parameter', async () => {
    const to = `${randomUUID()}@example.com`;
    for (let count = 0; count < 2; count++) await system.requestLink('set-password', { email: to });
    await ended(to, 'sent', 'sent');
    const { nextCursor } = await listed(`to=${to}&limit=1`);
    expect((await get(`/v1/mails?limit=1&cursor=${nextCursor}`)).json()).toMatchObject({ status: 400, code: 'invalid_cursor' });
    expect((await get('/v1/mails?status=lost')).json()).toMatchObject({ status: 400, errors: [{ path: '/query/status' }] });
    expect((await get('/v1/mails?recipient=a')).json()).toMatchObject({ status: 400 });
    expect((await get('/v1/mails?limit=101')).json()).toMatchObject({ status: 400 });
  });
});

describe('one mail', () => {
  test('is shown with its masked text and its attempts', async () => {
    const { email, userId, token, correlationId } = await system.requestLink('reset-password');
    const [mail] = await ended(email, 'sent');
    const answer = await get(`/v1/mails/${mail?.id}`);
    expect(answer.json()).toEqual({
      ...mail,
      text: expect.stringContaining('/account/reset-password#token=••••\n'),
      userId,
      messageId: expect.stringMatching(/^<.*@stoa\.localhost>$/),
      correlationId,
      attempts: [
        {
          number: 1,
          status: 'sent',
          transport: 'mailbox',
          startedAt: expect.any(String),
          endedAt: expect.any(String),
          response: expect.stringMatching(/^250 /),
        },
      ],
    });
    expect(answer.body).not.toContain(token);
  });

  test('that is not there is 404, and what is no id is 400', async () => {
    expect((await get(`/v1/mails/${randomUUID()}`)).json()).toMatchObject({ status: 404, code: 'mail_not_found' });
    expect((await get('/v1/mails/1')).json()).toMatchObject({ status: 400 });
  });
});

describe('a mail that is sent again', () => {
  test('is a copy with a Message-ID of its own, refers to the first, and carries a secret that is made anew', async () => {
    const { email, token } = await system.requestLink('reset-password');
    const [first] = await ended(email, 'sent');
    const { message } = await latest(service, email);
    const answer = await resend(first?.id ?? '');
    expect(answer.statusCode).toBe(202);
    // It may be on its way by the time of the answer.
    expect(answer.json()).toMatchObject({ to: email, status: expect.stringMatching(/^(queued|sending|sent)$/), resendOf: first?.id });
    expect(answer.headers['location']).toBe(`/v1/mails/${answer.json().id}`);
    const [copy] = await ended(email, 'sent', 'sent');
    expect(copy).toMatchObject({ id: answer.json().id });
    const again = (await latest(service, email, `&after=${message.id}`)).message;
    expect(again.links).toEqual([`https://stoa.test/account/reset-password#token=${token}`]);
    const ids = await system.database.query
      .selectFrom('mails')
      .select(['message_id', 'resent_by'])
      .where('recipient', '=', email)
      .orderBy('id')
      .execute();
    expect(new Set(ids.map(({ message_id }) => message_id)).size).toBe(2);
    expect(ids.map(({ resent_by }) => resent_by)).toEqual([null, expect.stringMatching(/^service-account:/)]);
    expect(system.logged.some((line) => line.includes('mail queued again') && line.includes('service-account:'))).toBe(true);
  });

  test('can be the copy of a copy', async () => {
    const { email } = await system.notice('new-device');
    const [first] = await ended(email, 'sent');
    await resend(first?.id ?? '');
    const [second] = await ended(email, 'sent', 'sent');
    await resend(second?.id ?? '');
    const [third] = await ended(email, 'sent', 'sent', 'sent');
    expect(third?.resendOf).toBe(second?.id);
  });

  test('ends as superseded when its link is not wanted any more, or its person is gone', async () => {
    const { email, requestId } = await system.requestLink('reset-password');
    const [mail] = await ended(email, 'sent');
    system.gone.add(requestId);
    await resend(mail?.id ?? '');
    await ended(email, 'superseded', 'sent');
    const notice = await system.notice('email-changed');
    const [told] = await ended(notice.email, 'sent');
    await system.deleteUser(notice.userId);
    await resend(told?.id ?? '');
    await ended(notice.email, 'superseded', 'sent');
  });

  test('is sent again once, however often the request comes with its key', async () => {
    const { email } = await system.request();
    const [mail] = await ended(email, 'sent');
    const key = { 'idempotency-key': randomUUID() };
    const answers = [await resend(mail?.id ?? '', key), await resend(mail?.id ?? '', key)];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([202, 202]);
    expect(answers[1]?.json()).toEqual(answers[0]?.json());
    await ended(email, 'sent', 'sent');
  });

  test('is sent again once by a request whose answer was lost, though its copy is on its way or was sent', async () => {
    const { email } = await system.request();
    const [mail] = await ended(email, 'sent');
    const key = { 'idempotency-key': randomUUID() };
    const first = await resend(mail?.id ?? '', key);
    await ended(email, 'sent', 'sent');
    await sql`update idempotency_keys set answer = null, lease_until = 'epoch'`.execute(system.database.query);
    const again = await resend(mail?.id ?? '', key);
    expect([again.statusCode, again.json().id, again.headers['idempotency-replayed']]).toEqual([202, first.json().id, undefined]);
    await ended(email, 'sent', 'sent');
  });

  test('is refused while it is on its way, and where it is not there', async () => {
    await system.database.query
      .updateTable('pacing')
      .set({ next_at: new Date(Date.now() + 3_600_000) })
      .execute();
    const { email } = await system.request();
    const [mail] = await ended(email, 'queued');
    expect((await resend(mail?.id ?? '')).json()).toMatchObject({ status: 409, code: 'mail_on_its_way' });
    expect((await resend(randomUUID())).json()).toMatchObject({ status: 404, code: 'mail_not_found' });
    await ended(email, 'queued');
    await system.database.query
      .updateTable('pacing')
      .set({ next_at: new Date(0) })
      .execute();
  });
});

describe('who may', () => {
  test.each([
    ['/v1/mails', 'GET'],
    [`/v1/mails/${randomUUID()}`, 'GET'],
    [`/v1/mails/${randomUUID()}/resend`, 'POST'],
  ] as const)('%s by %s is for those with the permission', async (url, method) => {
    const ask = async (authorization?: string) => {
      const answer = await service.http.inject({ method, url, headers: authorization ? { authorization } : {} });
      return answer.json().code;
    };
    expect(await ask()).toBe('token_missing');
    expect(await ask('Bearer nonsense')).toBe('token_invalid');
    expect(await ask(await system.who.person('users:read', 'mails:resent'))).toBe('permission_denied');
    if (method === 'POST') expect(await ask(reader)).toBe('permission_denied');
    const left = await system.who.person('mails:read', 'mails:resend');
    await system.who.logOut(left);
    expect(await ask(left)).toBe('token_invalid');
  });
});
