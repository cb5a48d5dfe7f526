import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import { logIn, post, register, somebody } from './client.ts';
import { type SharedStoa, sharedStoa } from './shared-stoa.ts';
import { spawnStoa } from './stoa-process.ts';

const main = resolve(import.meta.dirname, '../../apps/server/src/main.ts');

describe('administrators by command line', () => {
  let running: SharedStoa;
  beforeAll(async () => {
    running = await sharedStoa();
  });

  async function stoa(words: readonly string[], { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {}) {
    const child = spawn(process.execPath, [main, ...words], {
      cwd: join(running.dataDirectory, '..'),
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], BCRYPT_COST: '10', DATA_DIR: running.dataDirectory, ...env },
    });
    child.stdin.end(input);
    const exited = new Promise<number | null>((done) => child.once('close', done));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    return { stdout, stderr, code };
  }

  test('with a password from standard input or the environment can log in at once', async () => {
    const [one, other] = [somebody(), somebody()];
    const made = await stoa(['admin', 'create', '--email', one.email, '--password-stdin'], { input: `${one.password}\n` });
    expect(made).toMatchObject({ code: 0, stdout: `${one.email} is an administrator now, and protected.\n` });
    await stoa(['admin', 'create', '--email', other.email], { env: { STOA_ADMIN_PASSWORD: other.password } });
    for (const person of [one, other]) {
      const answer = await logIn(running.url, person);
      expect(await answer.json()).toMatchObject({ user: { roles: ['user', 'admin'], status: 'active' } });
    }
  });

  test('without a password gets a link to the address of the running system', async () => {
    const { email, password } = somebody();
    const { stdout } = await stoa(['admin', 'create', '--email', email]);
    const link = new URL(stdout.trim().split('\n').at(-1) as string);
    expect(link.port).toBe(new URL(running.url).port);
    expect((await fetch(new URL(link.pathname, running.url))).status).toBe(200);
    const token = link.hash.replace('#token=', '');
    expect((await post(`${running.url}/v1/password-resets/confirm`, { token, password })).status).toBe(204);
    expect((await logIn(running.url, { email, password })).status).toBe(201);
  });

  test('a refusal says why and what to do, in two lines', async () => {
    const pending = somebody();
    await register(running.url, pending);
    for (const words of [
      ['admin', 'create', '--email', pending.email],
      ['admin', 'create', '--email', 'nobody'],
      ['admin', 'unprotect', '--email', somebody().email],
      ['admin', 'create'],
      ['admin'],
      ['keys', 'burn'],
    ]) {
      const { code, stderr, stdout } = await stoa(words);
      expect([code, stdout]).toEqual([expect.toSatisfy((status: number) => status >= 64), '']);
      expect(stderr).toMatch(/^stoa: .+\nFix: .+\n$/);
    }
  });

  test('unprotecting and rotating keys are reported in one line', async () => {
    const { email, password } = somebody();
    await stoa(['admin', 'create', '--email', email], { env: { STOA_ADMIN_PASSWORD: password } });
    expect((await stoa(['admin', 'unprotect', '--email', email])).stdout).toContain('is no longer protected');
    const before = await (await logIn(running.url, { email, password })).json();
    expect((await stoa(['keys', 'rotate'])).stdout).toMatch(/^The key [A-Za-z0-9_-]+ signs from /);
    const headers = { authorization: `Bearer ${(before as { accessToken: string }).accessToken}` };
    expect((await fetch(`${running.url}/v1/sessions`, { headers })).status).toBe(200);
  });

  test('works on an external database, which has to be migrated', async () => {
    const { databaseUrl } = JSON.parse(await readFile(join(running.dataDirectory, 'run.json'), 'utf8')) as { databaseUrl: string };
    const env = { DATABASE_URL: databaseUrl, DATABASE_PREFIX: 'guest_', STOA_SECRET: randomBytes(32).toString('base64') };
    const { email } = somebody();
    const early = await stoa(['admin', 'create', '--email', email], { env });
    expect([early.code, early.stderr]).toEqual([69, expect.stringContaining('npx stoa migrate')]);
    expect(await spawnStoa({ dataDirectory: running.dataDirectory, env, command: [process.execPath, main, 'migrate'] }).exited).toBe(0);
    const { stdout } = await stoa(['admin', 'create', '--email', email], { env: { ...env, PUBLIC_URL: 'https://api.example.com' } });
    expect(stdout).toContain('https://api.example.com/account/set-password#token=');
  });
});
