import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identify } from '@stoa/postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDataDirectory, readRun } from './data-directory.ts';

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'stoa-data-')), 'data');
});
afterEach(() => rm(join(path, '..'), { recursive: true, force: true }));

/** What a process that was killed leaves behind. */
async function deadProcess() {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await once(child, 'spawn');
  const identity = identify(child.pid as number);
  child.kill('SIGKILL');
  await once(child, 'exit');
  return identity;
}

describe('the lock of the data folder', () => {
  test('is held by one process at a time, and by the next one after the release', async () => {
    const first = await openDataDirectory(path);
    await expect(openDataDirectory(path)).rejects.toThrow(`Another Stoa (process ${process.pid})`);
    await first.release();
    await (await openDataDirectory(path)).release();
    expect(await readdir(path)).toEqual([]);
  });

  test('of a killed process is taken over', async () => {
    await (await openDataDirectory(path)).release();
    await writeFile(join(path, 'lock'), JSON.stringify(await deadProcess()));
    await (await openDataDirectory(path)).release();
  });

  test('of a process whose id another program has now is taken over', async () => {
    await (await openDataDirectory(path)).release();
    await writeFile(join(path, 'lock'), JSON.stringify({ pid: process.pid, startedAt: '1' }));
    await (await openDataDirectory(path)).release();
  });

  test('that is damaged is taken over', async () => {
    await (await openDataDirectory(path)).release();
    await writeFile(join(path, 'lock'), '{"pid":');
    await (await openDataDirectory(path)).release();
  });

  test('is taken over by exactly one of many that find a stale one at the same time', async () => {
    await (await openDataDirectory(path)).release();
    await writeFile(join(path, 'lock'), JSON.stringify(await deadProcess()));
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => openDataDirectory(path)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

test('the secret is made once, is 32 bytes and private', async () => {
  const data = await openDataDirectory(path);
  const secret = await data.secret();
  expect(Buffer.from(secret, 'base64')).toHaveLength(32);
  expect(await data.secret()).toBe(secret);
  expect((await stat(join(path, 'secret'))).mode & 0o777).toBe(0o600);
});

test('what runs on the folder can be read while it runs, not after', async () => {
  const data = await openDataDirectory(path);
  const run = { pid: process.pid, port: 3000, url: 'http://127.0.0.1:3000', databaseUrl: 'postgres://x' };
  await data.writeRun(run);
  expect(await readRun(path)).toEqual(run);
  expect(JSON.parse(await readFile(join(path, 'run.json'), 'utf8'))).toEqual(run);
  await data.writeRun({ ...run, pid: 1 });
  expect(await readRun(path), 'of another process').toBeUndefined();
  await data.release();
  expect(await readRun(path)).toBeUndefined();
});
