import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import { logIn, somebody } from './client.ts';
import { type SharedStoa, sharedStoa } from './shared-stoa.ts';

const main = resolve(import.meta.dirname, '../../apps/server/src/main.ts');
/** Of `U*U`, from the tests of crypt_blowfish. */
const HASH = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';

describe('an import by command line', () => {
  let running: SharedStoa;
  beforeAll(async () => {
    running = await sharedStoa();
  });

  async function importUsers(path: string, input: string | Buffer = '') {
    const child = spawn(process.execPath, [main, 'users', 'import', path, '--data', running.dataDirectory], {
      cwd: join(running.dataDirectory, '..'),
    });
    child.stdin.on('error', () => {}).end(input);
    const exited = new Promise<number | null>((done) => child.once('close', done));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    return { stdout, stderr, code };
  }
  const line = (email: string, more: object = {}) => JSON.stringify({ email, passwordHash: HASH, ...more });

  test('of a file, while the service runs: its people log in with the passwords they have', async () => {
    const [ada, bob] = [somebody().email, somebody().email];
    const path = join(running.dataDirectory, '..', `${ada}.ndjson`);
    // With the line ends of Windows, and none after the last line.
    await writeFile(path, `${line(ada, { fullName: 'Ада' })}\r\n\r\n${line(bob)}`);
    expect(await importUsers(path)).toEqual({
      code: 0,
      stdout: '2 imported, 0 skipped as their e-mail has an account, 0 refused\n',
      stderr: '',
    });
    for (const email of [ada, bob]) expect((await logIn(running.url, { email, password: 'U*U' })).status).toBe(201);
    expect(await importUsers(path)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^0 imported, 2 skipped/) });
  });

  test('of standard input reports refused lines by number, without their hashes, and imports the rest', async () => {
    const { email } = somebody();
    const other = line(somebody().email, { fullName: 'André' });
    const input = Buffer.concat([
      Buffer.from(`${line('nobody')}\n${line(email)}\n{"passwordHash":"${HASH}\n`),
      Buffer.from(other, 'latin1'),
      // Longer than what a pipe gives at a time.
      Buffer.from(`\n${line(somebody().email, { fullName: 'x'.repeat(300_000) })}\n`),
    ]);
    const { code, stdout, stderr } = await importUsers('-', input);
    expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringMatching(/^1 imported, 0 skipped .*, 4 refused\n$/) });
    expect(stderr.trim().split('\n')).toEqual([
      'line 1: email must be an e-mail address like name@example.com',
      'line 3: is not JSON in UTF-8',
      'line 4: is not JSON in UTF-8',
      'line 5: fullName must have at most 200 characters',
    ]);
    expect((await logIn(running.url, { email, password: 'U*U' })).status).toBe(201);
  });

  test('of something that is not a file of lines says what is wrong and what to do', async () => {
    for (const [path, cause, code] of [
      [join(running.dataDirectory, 'absent'), 'cannot be read: ENOENT', 66],
      [running.dataDirectory, 'is a folder', 66],
      ['-', 'A line is longer than 1 MiB', 65],
    ] as const) {
      const refused = await importUsers(path, `[${'{},'.repeat(400_000)}]`);
      expect(refused).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(/^stoa: .*\nFix: stoa users import FILE/) });
      expect(refused.stderr).toContain(cause);
    }
  });
});
