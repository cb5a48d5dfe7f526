import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from './ask.ts';
import { activate, latestMail, mailsTo, register, resend, somebody } from './client.ts';
import { dataFolder, type StoaProcess, startStoa } from './stoa-process.ts';

describe('a person registers, gets the code by mail, activates', () => {
  let folder: Awaited<ReturnType<typeof dataFolder>>;
  let stoa: StoaProcess;
  beforeAll(async () => {
    folder = await dataFolder();
    stoa = await startStoa({ dataDirectory: folder.path });
  });
  afterAll(async () => {
    expect(await stoa.stop()).toBe(0);
    await folder[Symbol.asyncDispose]();
  });

  test('at the default rate the mail of an idle system is there within 1.5 s of the registration', async () => {
    const ada = somebody();
    const registered = await register(stoa.url, { ...ada, fullName: 'Ada Lovelace' });
    expect(registered.status).toBe(201);
    const mail = await latestMail(stoa.url, ada.email);
    const [user] = await ask<{ created_at: Date }>(folder.path, 'users', 'select created_at from users where email = $1', [ada.email]);
    const [attempt] = await ask<{ ended_at: Date }>(
      folder.path,
      'mailer',
      'select ended_at from attempts join mails on mails.id = mail_id where recipient = $1',
      [ada.email],
    );
    expect(Number(attempt?.ended_at) - Number(user?.created_at), 'milliseconds').toBeLessThan(1_500);
    expect(mail).toMatchObject({ to: ada.email, code: expect.stringMatching(/^\d{4}$/) });
    expect(mail.text.split(/\r?\n/)).toContain(mail.code);

    const activated = await activate(stoa.url, ada, mail.code as string);
    expect(activated.status).toBe(200);
    expect(await activated.json()).toMatchObject({ email: ada.email, fullName: 'Ada Lovelace', status: 'active' });

    const again = await activate(stoa.url, ada, mail.code as string);
    expect(again.status).toBe(409);
    expect(await again.json()).toMatchObject({ code: 'already_active', requestId: again.headers.get('x-correlation-id') });
  });

  test('a new code takes the place of the old one', async () => {
    const grace = somebody();
    await register(stoa.url, grace);
    const first = await latestMail(stoa.url, grace.email);
    expect((await resend(stoa.url, grace)).status).toBe(202);
    const second = await latestMail(stoa.url, grace.email, `10s&after=${first.id}`);
    expect(second.id).not.toBe(first.id);
    if (first.code !== second.code) expect((await activate(stoa.url, grace, first.code as string)).status).toBe(400);
    expect((await activate(stoa.url, grace, second.code as string)).status).toBe(200);
    expect(await mailsTo(stoa.url, grace.email)).toHaveLength(2);
  });

  test('the correlation id of the registration is echoed, and a malformed one is replaced', async () => {
    const echoed = await fetch(`${stoa.url}/health/live`, { headers: { 'x-correlation-id': 'my.id-1' } });
    expect(echoed.headers.get('x-correlation-id')).toBe('my.id-1');
    const replaced = await fetch(`${stoa.url}/health/live`, { headers: { 'x-correlation-id': 'no spaces' } });
    expect(replaced.headers.get('x-correlation-id')).toMatch(/^[A-Za-z0-9._-]{1,128}$/);
  });
});
