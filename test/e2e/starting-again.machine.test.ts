import { readFileSync, statSync } from 'node:fs';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { register, somebody } from './client.ts';
import { type DataFolder, dataFolder, startStoa } from './stoa-process.ts';

let folder: DataFolder;
beforeAll(async () => {
  folder = await dataFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('after kill -9', () => {
  test('the next start takes over within 15 s and has everything that was answered', async () => {
    const port = await freePort();
    const person = somebody();
    const first = await startStoa({ dataDirectory: folder.path, port });
    expect((await register(first.url, person)).status).toBe(201);
    await first.stop('SIGKILL');
    const begun = performance.now();
    const second = await startStoa({ dataDirectory: folder.path, port });
    expect(performance.now() - begun).toBeLessThan(15_000);
    expect((await register(second.url, person)).status).toBe(409);
    expect(await second.stop()).toBe(0);
  });

  test('of Stoa and its Postgres together, too', async () => {
    const first = await startStoa({ dataDirectory: folder.path });
    const person = somebody();
    expect((await register(first.url, person)).status).toBe(201);
    const postmaster = Number(readFileSync(join(folder.path, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]);
    process.kill(postmaster, 'SIGKILL');
    await first.stop('SIGKILL');
    const begun = performance.now();
    const second = await startStoa({ dataDirectory: folder.path });
    expect(performance.now() - begun).toBeLessThan(15_000);
    expect((await register(second.url, person)).status).toBe(409);
    expect(await second.stop()).toBe(0);
  });
});

test('data and secret survive a clean stop, and the files are private', async () => {
  const person = somebody();
  const first = await startStoa({ dataDirectory: folder.path });
  expect((await register(first.url, person)).status).toBe(201);
  const secret = await readFile(join(folder.path, 'secret'), 'utf8');
  for (const file of ['secret', 'run.json', 'lock']) expect(statSync(join(folder.path, file)).mode & 0o777).toBe(0o600);
  await first.stop();
  const second = await startStoa({ dataDirectory: folder.path });
  expect(await readFile(join(folder.path, 'secret'), 'utf8')).toBe(secret);
  expect((await register(second.url, person)).status).toBe(409);
  await second.stop();
});

test.runIf(process.getuid?.() === 0)(
  'as root under a folder that only root may enter, it works and says where the database is',
  async () => {
    const closed = `${folder.path}-closed`;
    await mkdir(closed);
    await chmod(closed, 0o700);
    const stoa = await startStoa({ dataDirectory: join(closed, 'data') });
    const person = somebody();
    expect((await register(stoa.url, person)).status).toBe(201);
    expect(stoa.output()).toContain('/var/lib/stoa');
    await stoa.stop();
    const again = await startStoa({ dataDirectory: join(closed, 'data') });
    expect((await register(again.url, person)).status).toBe(409);
    await again.stop();
  },
);
