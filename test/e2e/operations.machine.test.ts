import { randomUUID } from 'node:crypto';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask } from './ask.ts';
import { activate, latestMail, logIn, mailsTo, type Person, post, register, somebody } from './client.ts';
import { dataFolder, type StoaProcess, spawnStoa } from './stoa-process.ts';

/** What an administrator does while Stoa runs: reads mails, has one sent again, and replays dead letters. */
let folder: Awaited<ReturnType<typeof dataFolder>>;
let stoa: StoaProcess;
/** As the start printed it: the port was chosen by the machine. */
let url: string;
let admin: string;
beforeAll(async () => {
  folder = await dataFolder();
  stoa = spawnStoa({ dataDirectory: folder.path, port: 0, env: { MAIL_RATE_PER_SECOND: '50' } });
  const setUp = await eventually(
    () => {
      const [, origin, code] = /(http:\/\/\S+)\/setup#code=(\S+)/.exec(stoa.output()) ?? [];
      if (origin === undefined || !stoa.output().includes('Stop it with Ctrl-C')) throw new Error(stoa.output());
      return { origin, code };
    },
    { timeoutMs: 60_000 },
  );
  url = setUp.origin;
  const person = somebody();
  expect((await post(`${url}/v1/setup`, { code: setUp.code, ...person })).status).toBe(201);
  admin = await tokenOf(person);
});
afterAll(async () => {
  expect(await stoa.stop()).toBe(0);
  await folder[Symbol.asyncDispose]();
});

const tokenOf = async (person: Person) => {
  const { accessToken } = (await (await logIn(url, person)).json()) as { accessToken: string };
  return `Bearer ${accessToken}`;
};

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not typed
const get = async (path: string, authorization = admin): Promise<any> =>
  (await fetch(`${url}${path}`, { headers: { authorization } })).json();
const replay = (path: string, body?: object) => post(`${url}/v1/dead-letters${path}`, body, { authorization: admin });

const activePerson = async () => {
  const person = somebody();
  expect((await register(url, person)).status).toBe(201);
  const { code } = await latestMail(url, person.email);
  expect((await activate(url, person, code as string)).status).toBe(200);
  return person;
};

test('a mail with a link leads to where Stoa really listens, is in the audit without its token, and can be sent again', async () => {
  const person = await activePerson();
  expect((await post(`${url}/v1/password-resets`, { email: person.email })).status).toBe(202);
  const mail = await eventually(async () => {
    const newest = await latestMail(url, person.email);
    expect(newest.subject).toContain('Reset');
    return newest;
  });
  const [link = ''] = mail.links ?? [];
  const { port, hash, pathname } = new URL(link);
  expect([new URL(link).hostname, port, pathname]).toEqual(['localhost', new URL(url).port, '/account/reset-password']);
  expect((await fetch(link)).status).toBe(200);

  const { items } = await get(`/v1/mails?to=${person.email}&template=reset-password`);
  expect(items).toMatchObject([{ status: 'sent', subject: mail.subject }]);
  const detail = await get(`/v1/mails/${items[0].id}`);
  expect(detail.attempts).toMatchObject([{ number: 1, status: 'sent' }]);
  expect(detail.text).toContain('#token=••••');
  expect(JSON.stringify(detail)).not.toContain(hash.replace('#token=', ''));

  expect((await post(`${url}/v1/mails/${items[0].id}/resend`, undefined, { authorization: admin })).status).toBe(202);
  await eventually(async () =>
    expect((await mailsTo(url, person.email)).filter(({ subject }) => subject.includes('Reset'))).toHaveLength(2),
  );
  const other = await tokenOf(person);
  expect(await get('/v1/mails', other)).toMatchObject({ status: 403, code: 'permission_denied' });
  expect(await get('/v1/dead-letters', other)).toMatchObject({ status: 403, code: 'permission_denied' });
});

test('a dead letter is found, read, and tried again until the mail is there', async () => {
  const { email } = somebody();
  const data = { userId: randomUUID(), email, fullName: null, notice: 'email-changed', occurredAt: new Date().toISOString() };
  await ask(
    folder.path,
    'mailer',
    `insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data, status, attempts, reason, failed_at)
     values ('on-account-notice-requested', $1, 'account-notice-requested', 1, 'users', $2, now(), 'c-1', $3, $4, 'dead', 12, 'it was a bad day', now())`,
    [
      randomUUID(),
      data.userId,
      `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      JSON.stringify({ ...data, newEmail: null, address: null, device: null }),
    ],
  );
  const { items, unavailable } = await get('/v1/dead-letters?service=mailer');
  expect([items, unavailable]).toMatchObject([[{ consumer: 'on-account-notice-requested', reason: 'it was a bad day' }], []]);
  expect(await get(`/v1/dead-letters/${items[0].id}`)).toMatchObject({ data: { email } });
  expect((await replay(`/${items[0].id}/replay`)).status).toBe(202);
  expect((await latestMail(url, email)).subject).toContain('was changed');
  expect((await replay(`/${items[0].id}/replay`)).status).toBe(404);
  expect(await (await replay('/replay', {})).json()).toEqual({ replayed: 0, unavailable: [] });
});
