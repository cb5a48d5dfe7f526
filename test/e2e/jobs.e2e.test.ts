import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '@stoa/service/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { serviceNames } from '../../apps/server/src/services.ts';
import { ask } from './ask.ts';
import { type LoggedIn, loggedIn } from './logged-in.ts';
import { type SharedStoa, sharedStoa } from './shared-stoa.ts';

const main = resolve(import.meta.dirname, '../../apps/server/src/main.ts');

describe('jobs by command line', () => {
  let running: SharedStoa;
  let ada: LoggedIn;
  beforeAll(async () => {
    running = await sharedStoa();
    ada = await loggedIn(running.url, { fullName: 'Ada Lovelace' });
  });

  const stoa = async (...words: string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, [main, 'jobs', ...words, '--data', running.dataDirectory], {
      cwd: join(running.dataDirectory, '..'),
    });
    return stdout.trim().split('\n');
  };
  const nameOf = async (id: string) =>
    (await ask<{ name: string | null }>(running.dataDirectory, 'posts', 'select name from authors where id = $1', [id]))[0]?.name;

  test('each service lists its scheduled jobs, and when they run next', async () => {
    const lines = await stoa('list');
    const jobs = lines.map((line) => line.split(' ')[0] as string);
    expect(jobs).toEqual(expect.arrayContaining(serviceNames.map((service) => `${service}.prune-idempotency-keys`)));
    expect(jobs.filter((job) => /^(mailer|posts|users)\./.test(job)).toSorted()).toEqual([
      'mailer.prune-idempotency-keys',
      'mailer.remove-expired-data',
      'posts.ask-for-profiles',
      'posts.index-posts-again',
      'posts.prune-idempotency-keys',
      'posts.remove-expired-data',
      'users.prune-idempotency-keys',
      'users.remove-expired-data',
    ]);
    for (const line of lines) expect(line).toMatch(/ {2}every \d+ s, next at \d{4}-\d\d-\d\dT\S+Z$/);
  });

  test('one is run as often as an operator wants: posts that lost their names get them again, twice', async () => {
    await eventually(async () => expect(await nameOf(ada.id)).toBe('Ada Lovelace'));
    for (const _ of [1, 2]) {
      await ask(running.dataDirectory, 'posts', 'update authors set name = null, version = 0 where id = $1', [ada.id]);
      expect(await stoa('run', 'posts.ask-for-profiles')).toEqual(['posts.ask-for-profiles: runs now']);
      await eventually(async () => expect(await nameOf(ada.id)).toBe('Ada Lovelace'), { timeoutMs: 15_000 });
    }
  });

  test.each([[['run']], [['run', 'posts.nothing']], [['run', 'nobody.at-all']], [['dance']], [['list', 'posts.x']]])(
    '%j says what to do instead',
    async (wrong) => {
      await expect(stoa(...wrong)).rejects.toMatchObject({ stderr: expect.stringContaining('Fix: ') });
    },
  );
});
