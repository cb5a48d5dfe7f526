import { eventually } from '@stoa/service/testing';
import { expect, test } from 'vitest';
import { latestMail, mailsTo, register, somebody } from './client.ts';
import { dataFolder, startStoa } from './stoa-process.ts';

test('registrations go on while the mailer is away, and each mail arrives once when it is back', async () => {
  await using folder = await dataFolder();
  const people = Array.from({ length: 8 }, somebody);
  const without = await startStoa({ dataDirectory: folder.path, args: ['--services', 'gateway,users'] });
  const answers = await Promise.all(people.map((person) => register(without.url, person)));
  expect(answers.map(({ status }) => status)).toEqual(people.map(() => 201));
  expect(await without.stop()).toBe(0);

  const whole = await startStoa({ dataDirectory: folder.path, env: { MAIL_RATE_PER_SECOND: '50' } });
  for (const { email } of people) await latestMail(whole.url, email, '15s');
  // One more registration after them: when its mail has arrived, a second copy of the others would have arrived too.
  const last = somebody();
  await register(whole.url, last);
  await eventually(() => latestMail(whole.url, last.email, '1s'));
  for (const { email } of people) expect(await mailsTo(whole.url, email)).toHaveLength(1);
  expect(await whole.stop()).toBe(0);
});
