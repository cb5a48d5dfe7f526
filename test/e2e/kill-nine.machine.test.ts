import { eventually, freePort } from '@stoa/service/testing';
import { expect, test } from 'vitest';
import { ask } from './ask.ts';
import { latestMail, mailsTo, type Person, register, somebody } from './client.ts';
import { dataFolder, startStoa } from './stoa-process.ts';

const ROUNDS = 10;
const PER_ROUND = 20;

/**
 * The promise of Stoa, tried: the process is killed ten times in the middle of 200 registrations. Every answer 201 has its
 * mail in the end, and a mail that arrived twice has a second attempt in the audit.
 */
test('kill -9 ten times under 200 registrations: every 201 has its mail', async () => {
  await using folder = await dataFolder();
  const port = await freePort();
  const start = () => startStoa({ dataDirectory: folder.path, port, env: { MAIL_RATE_PER_SECOND: '50' } });
  const registered: Person[] = [];

  let stoa = await start();
  for (let round = 0; round < ROUNDS; round += 1) {
    const people = Array.from({ length: PER_ROUND }, somebody);
    const answers = people.map((person) =>
      register(stoa.url, person).then(
        (answer) => answer.status === 201 && registered.push(person),
        () => undefined, // killed before it could answer: nothing was promised
      ),
    );
    // The kill falls somewhere between the first answers and the last mails; another place each round.
    const enough = registered.length + 1 + 2 * round;
    await eventually(() => expect(registered.length).toBeGreaterThanOrEqual(enough), { intervalMs: 1 });
    await stoa.stop('SIGKILL');
    await Promise.all(answers);
    const begun = performance.now();
    stoa = await start();
    expect(performance.now() - begun).toBeLessThan(15_000);
  }

  const restarted = performance.now();
  for (const { email } of registered) {
    await latestMail(stoa.url, email, '30s').catch(async () => {
      throw new Error(`an answer 201 without its mail: ${await trace(stoa.dataDirectory, email)}`);
    });
  }
  expect(performance.now() - restarted, 'work in flight is taken up within 15 s').toBeLessThan(15_000 + (registered.length / 50) * 1_000);

  const attempts = await attemptsByAddress(stoa.dataDirectory);
  for (const { email } of registered) {
    const received = (await mailsTo(stoa.url, email)).length;
    expect(received, email).toBeLessThanOrEqual(attempts.get(email) ?? 0);
  }
  expect(await stoa.stop()).toBe(0);
});

/** How often the audit says that a mail to the address was tried. */
async function attemptsByAddress(dataDirectory: string): Promise<Map<string, number>> {
  const rows = await ask<{ recipient: string; attempts: string }>(
    dataDirectory,
    'mailer',
    'select m.recipient, count(*) as attempts from mails m join attempts a on a.mail_id = m.id group by m.recipient',
  );
  return new Map(rows.map((row) => [row.recipient, Number(row.attempts)]));
}

/** What the system knows of an address, for a failure that can be understood. */
async function trace(dataDirectory: string, email: string): Promise<string> {
  const users = await ask(
    dataDirectory,
    'users',
    'select * from users u left join activation_requests r on r.user_id = u.id where email = $1',
    [email],
  );
  const outbox = await ask(dataDirectory, 'users', "select * from outbox_events where data->>'email' = $1", [email]);
  const inbox = await ask(dataDirectory, 'mailer', "select * from inbox where data->>'email' = $1", [email]);
  const mails = await ask(
    dataDirectory,
    'mailer',
    'select m.*, a.status as attempt, a.response, a.started_at, a.ended_at from mails m left join attempts a on a.mail_id = m.id where recipient = $1',
    [email],
  );
  return JSON.stringify({ email, users, outbox, inbox, mails }, null, 1);
}
