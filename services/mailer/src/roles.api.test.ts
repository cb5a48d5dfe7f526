import { drained } from '@stoa/messaging/testing';
import type { Service } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { latest, mailerFixture } from './testing/mailer-fixture.ts';

/** One copy that only answers, and one that works, on one database. */
let system: Awaited<ReturnType<typeof mailerFixture>>;
let answers: Service;
let works: Service;
beforeAll(async () => {
  system = await mailerFixture();
  answers = await system.start({ runsBackgroundWork: false });
  expect(await senders(), 'a copy that only answers is no sender').toEqual([]);
  works = await system.start();
});
afterAll(async () => {
  await drained(system.database);
  await system[Symbol.asyncDispose]();
});

const senders = () => system.database.query.selectFrom('instances').select('id').execute();
const partsOf = async (service: Service) => (await service.health()).map(({ name, ok }) => `${name} ${ok}`);

test('health shows the sender where there is one, and no fault where there is none', async () => {
  expect(await partsOf(answers)).toEqual(['database true', 'relay true', 'inbox true']);
  expect(await partsOf(works)).toEqual(['database true', 'relay true', 'inbox true', 'sender true', 'mailbox true']);
  expect(await senders()).toHaveLength(1);
});

test('a client that waits for a mail at the one gets what the other has sent', async () => {
  const email = `${crypto.randomUUID()}@example.com`;
  const waiting = latest(answers, email);
  const { code } = await system.request({ email });
  expect(await waiting).toMatchObject({ status: 200, message: { to: email, code } });
});

test('a mail that is queued again at the one is sent by the other', async () => {
  const authorization = await system.who.serviceAccount('mails:read', 'mails:resend');
  const { email } = await system.requestLink('reset-password');
  await latest(answers, email);
  const listed = async () => {
    const answer = await answers.http.inject({ url: `/v1/mails?to=${email}`, headers: { authorization } });
    return (answer.json() as { items: { id: string; status: string }[] }).items;
  };
  const [first] = await eventually(async () => {
    const items = await listed();
    expect(items.map(({ status }) => status)).toEqual(['sent']);
    return items;
  });
  const again = await answers.http.inject({ method: 'POST', url: `/v1/mails/${first?.id}/resend`, headers: { authorization } });
  expect(again.statusCode).toBe(202);
  await eventually(async () => expect((await listed()).map(({ status }) => status)).toEqual(['sent', 'sent']));
});
