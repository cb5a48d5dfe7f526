import { eventually } from '@stoa/service/testing';
import { expect, test } from 'vitest';
import { ask } from './ask.ts';
import { post } from './client.ts';
import { activePerson, enter } from './logged-in.ts';
import { dataFolder, startStoa } from './stoa-process.ts';

const env = { MAIL_RATE_PER_SECOND: '50' };

test('posts show the names of people whose accounts are older than the posts service, without an event about them', async () => {
  await using folder = await dataFolder();
  const before = await startStoa({ dataDirectory: folder.path, env, args: ['--services', 'gateway,users,mailer'] });
  const person = await activePerson(before.url, { fullName: 'Joan Clarke' });
  // As if the account were older than this event: with the event, posts would receive the name as soon as it subscribes.
  const told = await ask(folder.path, 'users', "delete from outbox where type = 'user-profile-changed' returning id");
  expect(told).toHaveLength(1);
  expect(await before.stop()).toBe(0);

  const whole = await startStoa({ dataDirectory: folder.path, env });
  const { authorization } = await enter(whole.url, person);
  const { id } = (await (
    await post(`${whole.url}/v1/posts`, { title: 'Banburismus', text: 'Sheets of paper.' }, { authorization })
  ).json()) as { id: string };
  // A process is ready before it has reached RabbitMQ. When the first try to connect gets no answer, the next ones come ten seconds apart.
  await eventually(
    async () => expect(await (await fetch(`${whole.url}/v1/posts/${id}`)).json()).toMatchObject({ author: { name: 'Joan Clarke' } }),
    { timeoutMs: 60_000 },
  );
  expect(await whole.stop()).toBe(0);
});
