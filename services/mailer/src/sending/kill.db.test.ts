import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { eventually } from '@stoa/service/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { sendingFixture } from '../testing/sending-fixture.ts';
import { MOST_CRASHES } from './retry-policy.ts';

let house: Awaited<ReturnType<typeof sendingFixture>>;
beforeAll(async () => {
  house = await sendingFixture();
});
afterEach(() => house.stopAll());
afterAll(() => house[Symbol.asyncDispose]());

/** A sender in a process of its own. */
async function spawnSender() {
  const script = new URL('../testing/killed-sender.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, house.url, house.smtp.url], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [said] = await once(child.stdout, 'data');
  expect(String(said)).toBe('ready\n');
  return {
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

const statuses = async (recipient: string) => (await house.attempts(recipient)).map(({ status }) => status);

describe('after a kill -9', () => {
  test('in the middle of a send, the next process takes over at once: the attempt is unknown, the copy recognisable', async () => {
    house.smtp.behave('hang');
    const child = await spawnSender();
    const mails = await house.queue(3);
    await eventually(() => expect(house.smtp.received).toHaveLength(3));
    await child.kill();
    house.smtp.behave('accept');
    const startedAt = performance.now();
    await house.startSender();
    for (const { recipient } of mails) {
      await eventually(async () => expect(await statuses(recipient)).toEqual(['unknown', 'sent']));
      expect(new Set(house.receivedBy(recipient).map(({ messageId }) => messageId)).size).toBe(1);
    }
    // The heartbeat of the dead one would count for ten seconds.
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  test('before its code was there, a mail has no attempt, and is sent once', async () => {
    const child = await spawnSender();
    await child.kill();
    const { id } = await house.database.query.selectFrom('instances').select('id').executeTakeFirstOrThrow();
    const [mail] = await house.queueFor(id);
    const recipient = mail?.recipient ?? '';
    await house.startSender();
    await eventually(async () => expect(await statuses(recipient)).toEqual(['sent']));
    expect(house.receivedBy(recipient)).toHaveLength(1);
  });

  test('a mail whose processes die again and again is not sent for ever', async () => {
    house.smtp.behave('hang');
    const [mail] = await house.queue(1);
    const recipient = mail?.recipient ?? '';
    const already = MOST_CRASHES - 2;
    await house.database.query.updateTable('mails').set({ unknowns: already }).where('recipient', '=', recipient).execute();
    for (let kills = 1; kills <= 2; kills++) {
      const child = await spawnSender();
      await eventually(() => expect(house.receivedBy(recipient)).toHaveLength(kills));
      await child.kill();
    }
    house.smtp.behave('accept');
    await house.startSender();
    await eventually(async () => expect(await house.mail(recipient)).toMatchObject({ status: 'unknown', owner: null }));
    expect(await statuses(recipient)).toEqual(['unknown', 'unknown']);
    expect(house.receivedBy(recipient)).toHaveLength(2);
  });

  test('of one of two, the other takes over what it had in hand', async () => {
    house.smtp.behave('hang');
    const dying = await spawnSender();
    const [mail] = await house.queue(1);
    const recipient = mail?.recipient ?? '';
    await eventually(() => expect(house.receivedBy(recipient)).toHaveLength(1));
    const living = await spawnSender();
    await dying.kill();
    house.smtp.behave('accept');
    await eventually(async () => expect(await statuses(recipient)).toEqual(['unknown', 'sent']), { timeoutMs: 20_000 });
    await living.kill();
  });

  test('what an instance had in hand that has not been seen for ten seconds goes to those that run', async () => {
    house.smtp.behave('accept');
    await house.startSender();
    const id = randomUUID();
    const [mail] = await house.queueFor(id);
    await house.database.query
      .insertInto('instances')
      .values({ id, seen_at: new Date(Date.now() - 11_000) })
      .execute();
    await eventually(async () => expect(await statuses(mail?.recipient ?? '')).toEqual(['sent']));
    expect(await house.database.query.selectFrom('instances').select('id').where('id', '=', id).execute()).toEqual([]);
  });

  test('a process that starts beside a living one takes nothing from it', async () => {
    house.smtp.behave({ acceptAfterMs: 3_000 });
    const living = await spawnSender();
    const [mail] = await house.queue(1);
    const recipient = mail?.recipient ?? '';
    await eventually(() => expect(house.receivedBy(recipient)).toHaveLength(1));
    await house.startSender();
    await eventually(async () => expect(await statuses(recipient)).toEqual(['sent']));
    expect(house.receivedBy(recipient)).toHaveLength(1);
    await living.kill();
  });
});
