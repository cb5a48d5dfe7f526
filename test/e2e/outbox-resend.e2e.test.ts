import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { eventually } from '@stoa/service/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { serviceNames } from '../../apps/server/src/services.ts';
import { ask } from './ask.ts';
import { latestMail, mailsTo, register, somebody } from './client.ts';
import { type SharedStoa, sharedStoa } from './shared-stoa.ts';

const main = resolve(import.meta.dirname, '../../apps/server/src/main.ts');

describe('a resend by command line', () => {
  let running: SharedStoa;
  beforeAll(async () => {
    running = await sharedStoa();
  });

  async function resend(...options: string[]) {
    const child = spawn(process.execPath, [main, 'outbox', 'resend', ...options, '--data', running.dataDirectory], {
      cwd: join(running.dataDirectory, '..'),
    });
    const exited = new Promise<number | null>((done) => child.once('close', done));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    return { stdout, stderr, code };
  }

  /** When the event that asks for the mail to `email` was sent, each time. */
  async function timesSent(email: string): Promise<string[]> {
    const rows = await ask<{ at: string }>(
      running.dataDirectory,
      'users',
      `select to_char(sent_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at from outbox_sent
       where type = 'activation-requested' and data->>'email' = $1 order by sent_at`,
      [email],
    );
    return rows.map(({ at }) => at);
  }

  test('while Stoa runs, sends once more what was sent since then, and subscribers that have it do nothing again', async () => {
    const person = somebody();
    await register(running.url, person);
    await latestMail(running.url, person.email);
    const [since = ''] = await eventually(async () => {
      const times = await timesSent(person.email);
      expect(times).toHaveLength(1);
      return times;
    });
    expect(await resend('--since', since, '--subscriber', 'nobody')).toEqual({
      code: 0,
      stdout: serviceNames.map((service) => `${service}: 0 to be sent again\n`).join(''),
      stderr: '',
    });
    const { code, stdout, stderr } = await resend('--since', since, '--subscriber', 'mailer', '--rate', '1000');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^users: [1-9]/m);
    expect(stdout.replaceAll(/\d+/g, 'n')).toBe(serviceNames.map((service) => `${service}: n to be sent again\n`).join(''));
    await eventually(async () => expect(await timesSent(person.email)).toHaveLength(2));
    // When the mail to a later person has arrived, a second one to the first would have arrived too.
    const later = somebody();
    await register(running.url, later);
    await latestMail(running.url, later.email);
    expect(await mailsTo(running.url, person.email)).toHaveLength(1);
  });

  test('refuses a time without a zone, one that is too long ago, and a rate that is no number, and says what to do', async () => {
    for (const [options, cause] of [
      [[], 'The action must be resend, --since a time with a zone.'],
      [['--since', '2026-01-31T09:30:00'], 'The action must be resend, --since a time with a zone.'],
      [['--since', '2001-01-31T09:30:00Z'], '2001-01-31T09:30:00Z is too long ago. What was sent is kept for 168 hours.'],
      [['--since', new Date().toISOString(), '--rate', 'fast'], '--rate fast is not a rate per second.'],
    ] as const) {
      const refused = await resend(...options);
      expect(refused).toMatchObject({ code: 64, stdout: '', stderr: expect.stringMatching(/^stoa: .*\nFix: /) });
      expect(refused.stderr).toContain(cause);
    }
  });
});
