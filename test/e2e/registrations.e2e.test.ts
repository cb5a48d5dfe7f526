import { beforeAll, expect, test } from 'vitest';
import { latestMail, mailsTo, register, somebody } from './client.ts';
import { type SharedStoa, sharedStoa } from './shared-stoa.ts';

let stoa: SharedStoa;
beforeAll(async () => {
  stoa = await sharedStoa();
});

test('20 identical registrations at once: one 201, nineteen 409, one mail', async () => {
  const person = somebody();
  const answers = await Promise.all(Array.from({ length: 20 }, () => register(stoa.url, person)));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
  await latestMail(stoa.url, person.email);
  const behind = somebody();
  await register(stoa.url, behind);
  await latestMail(stoa.url, behind.email);
  expect(await mailsTo(stoa.url, person.email)).toHaveLength(1);
});
