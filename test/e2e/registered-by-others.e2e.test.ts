import { randomUUID } from 'node:crypto';
import { eventually } from '@stoa/service/testing';
import { expect, test } from 'vitest';
import { latestMail, logIn, mailsTo, post, somebody } from './client.ts';
import { administrator } from './logged-in.ts';
import { sharedStoa } from './shared-stoa.ts';

test('another back end registers a person, whose mail has a link that sets the password and activates, once', async () => {
  const stoa = await sharedStoa();
  const { url } = stoa;
  const { authorization } = await administrator(stoa);
  const made = await post(`${url}/v1/service-accounts`, { name: 'shop', permissions: ['users:create'] }, { authorization });
  const { apiKey } = (await made.json()) as { apiKey: string };

  const { email, password } = somebody();
  const key = { authorization: `Bearer ${apiKey}`, 'idempotency-key': 'order 4711' };
  const answers = [await post(`${url}/v1/users`, { email }, key), await post(`${url}/v1/users`, { email }, key)];
  expect(answers.map(({ status, headers }) => [status, headers.get('idempotency-replayed')])).toEqual([
    [201, null],
    [201, 'true'],
  ]);

  const { links } = await latestMail(url, email);
  const link = new URL(links?.find((text) => text.includes('/account/set-password#token=')) as string);
  expect((await fetch(`${url}${link.pathname}`)).status).toBe(200);
  const token = link.hash.replace('#token=', '');
  const confirm = () => post(`${url}/v1/password-resets/confirm`, { token, password });
  expect((await confirm()).status).toBe(204);
  expect(await (await confirm()).json()).toMatchObject({ status: 400, code: 'link_invalid' });
  const session = await logIn(url, { email, password });
  expect([session.status, await session.json()]).toMatchObject([201, { user: { email, status: 'active', roles: ['user'] } }]);
  expect(await mailsTo(url, email)).toHaveLength(1);

  const last = randomUUID();
  await fetch(`${url}/v1/users/me`, { headers: { authorization, 'x-correlation-id': last } });
  const output = await eventually(async () => {
    const printed = await stoa.output();
    expect(printed).toContain(last);
    return printed;
  });
  for (const secret of [token, apiKey, password]) expect(output).not.toContain(secret);
});
