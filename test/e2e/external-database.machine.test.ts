import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { latestMail, register, somebody } from './client.ts';
import { dataFolder, type StoaProcess, spawnStoa, startStoa } from './stoa-process.ts';

const main = resolve(import.meta.dirname, '../../apps/server/src/main.ts');

/** The embedded server of one Stoa is the external one of another. */
describe('with a database of its own', () => {
  let folder: Awaited<ReturnType<typeof dataFolder>>;
  let owner: StoaProcess;
  let env: Record<string, string>;
  beforeAll(async () => {
    folder = await dataFolder();
    owner = await startStoa({ dataDirectory: folder.path });
    const { databaseUrl } = JSON.parse(await readFile(join(folder.path, 'run.json'), 'utf8')) as { databaseUrl: string };
    env = { DATABASE_URL: databaseUrl, DATABASE_PREFIX: 'guest_', STOA_SECRET: randomBytes(32).toString('base64') };
  });
  afterAll(async () => {
    await owner.stop();
    await folder[Symbol.asyncDispose]();
  });

  const elsewhere = () => `${folder.path}-unused`;
  const migrate = () => spawnStoa({ dataDirectory: elsewhere(), env, command: [process.execPath, main, 'migrate'] });

  test.each(['start', 'dead-letters list', 'jobs list'])('%s before the migration is refused and says what to do', async (words) => {
    const command = words === 'start' ? {} : { command: [process.execPath, main, ...words.split(' ')] };
    const stoa = spawnStoa({ dataDirectory: elsewhere(), env: { ...env, MAIL_URL: 'mailbox:' }, ...command });
    expect(await stoa.exited).toBe(69);
    expect(stoa.output()).toContain('npx stoa migrate');
    expect(stoa.output()).not.toMatch(/^\s+at /m);
  });

  test('the migration can be repeated, and run twice at once', async () => {
    const both = [migrate(), migrate()];
    for (const { exited } of both) expect(await exited).toBe(0);
    const again = migrate();
    expect(await again.exited).toBe(0);
    expect(again.output()).toContain('users: up to date');
  });

  test('it serves, and stops cleanly even when the database stops before it', async () => {
    const stoa = await startStoa({ dataDirectory: elsewhere(), env: { ...env, MAIL_URL: 'mailbox:' } });
    const person = somebody();
    expect((await register(stoa.url, person)).status).toBe(201);
    expect((await latestMail(stoa.url, person.email)).code).toMatch(/^\d{4}$/);
    expect(await owner.stop()).toBe(0);
    expect((await register(stoa.url, somebody())).status).toBe(503);
    const begun = performance.now();
    await stoa.stop();
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  test('every command reports a server that is away in one line', async () => {
    const gone = migrate();
    expect(await gone.exited).toBe(69);
    expect(gone.output()).toMatch(/^Fix: check DATABASE_URL/m);
    expect(gone.output()).not.toMatch(/^\s+at /m);
  });
});
