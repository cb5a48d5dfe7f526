import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serviceNames } from '../../apps/server/src/services.ts';
import { ask } from './ask.ts';
import { dataFolder, type StoaProcess, startStoa } from './stoa-process.ts';

const main = resolve(import.meta.dirname, '../../apps/server/src/main.ts');
const ofEach = (what: string) => serviceNames.map((service) => `${service}: ${what}`);

describe('dead letters by command line', () => {
  let folder: Awaited<ReturnType<typeof dataFolder>>;
  let running: StoaProcess | undefined;
  beforeAll(async () => {
    folder = await dataFolder();
    running = await startStoa({ dataDirectory: folder.path });
  });
  afterAll(async () => {
    await running?.stop();
    await folder[Symbol.asyncDispose]();
  });

  const stoa = async (...words: string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, [main, 'dead-letters', ...words, '--data', folder.path], {
      cwd: join(folder.path, '..'),
    });
    return stdout.trim().split('\n');
  };

  /** A message that was given up, and would go well if it were tried again. */
  const addDeadLetter = async () => {
    const message = randomUUID();
    const requested = {
      requestId: randomUUID(),
      userId: randomUUID(),
      email: `${message}@example.com`,
      fullName: null,
      reason: 'registration',
      requestedAt: new Date().toISOString(),
    };
    await ask(
      folder.path,
      'mailer',
      `insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data, status, attempts, reason, failed_at)
       values ('on-activation-requested', $1, 'activation-requested', 1, 'users', $2, now(), 'c-1', $3, $4, 'dead', 10, 'it was a bad day', now())`,
      [message, requested.userId, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, JSON.stringify(requested)],
    );
    return message;
  };
  const statusOf = async (message: string) =>
    (await ask<{ status: string }>(folder.path, 'mailer', 'select status from inbox where message_id = $1', [message]))[0]?.status;

  test('without any, the list says none', async () => {
    expect(await stoa('list')).toEqual(ofEach('none'));
  });

  test('one is listed with its reason and replayed by its id; the running system handles it', async () => {
    const message = await addDeadLetter();
    const [line = ''] = await stoa('list', '--service', 'mailer');
    expect(line).toMatch(/^mailer\.inbox-\d+ .* activation-requested → on-activation-requested +after 10 tries: it was a bad day$/);
    const id = line.split(' ')[0] as string;
    expect(await stoa('replay', id)).toEqual([`${id}: replayed`]);
    await eventually(async () => expect(await statusOf(message)).toBeUndefined());
    await expect(stoa('replay', id)).rejects.toMatchObject({ code: 66, stderr: expect.stringContaining('Fix: ') });
  });

  test('all are replayed at once', async () => {
    const messages = [await addDeadLetter(), await addDeadLetter()];
    expect(await stoa('replay')).toEqual(
      serviceNames.map((service) => `${service}: ${service === 'mailer' ? messages.length : 0} replayed`),
    );
    for (const message of messages) await eventually(async () => expect(await statusOf(message)).toBeUndefined());
  });

  test('one is shown with its payload; those of a consumer are replayed at a rate', async () => {
    const message = await addDeadLetter();
    const id = ((await stoa('list', '--service', 'mailer', '--type', 'activation-requested'))[0] ?? '').split(' ')[0] as string;
    expect(await stoa('list', '--type', 'nothing-of-this')).toEqual(ofEach('none'));
    const shown = JSON.parse((await stoa('show', id)).join('\n'));
    expect(shown).toMatchObject({ id, messageId: message, reason: 'it was a bad day', data: { email: `${message}@example.com` } });
    for (const wrong of [['show'], ['show', 'mailer.inbox-999999'], ['replay', '--rate', '0'], ['replay', '--rate', 'fast']])
      await expect(stoa(...wrong)).rejects.toMatchObject({ stderr: expect.stringContaining('Fix: ') });
    expect(await stoa('replay', '--consumer', 'on-nothing')).toEqual(ofEach('0 replayed'));
    expect(await stoa('replay', '--service', 'mailer', '--consumer', 'on-activation-requested', '--rate', '5')).toEqual([
      'mailer: 1 replayed',
    ]);
    await eventually(async () => expect(await statusOf(message)).toBeUndefined());
  });

  test('works on the folder while no Stoa runs on it', async () => {
    await running?.stop();
    running = undefined;
    expect(await stoa('list')).toEqual(ofEach('none'));
  });
});
