import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dataFolder, type StoaProcess, startStoa } from './stoa-process.ts';

const root = resolve(import.meta.dirname, '../..');
/** As a reader would: the lines pasted into a shell. */
const shell = async (script: string) => (await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { cwd: root })).stdout;

describe('the first minutes of a new user', () => {
  let folder: Awaited<ReturnType<typeof dataFolder>>;
  let stoa: StoaProcess;
  beforeAll(async () => {
    folder = await dataFolder();
    stoa = await startStoa({ dataDirectory: folder.path, env: { MAIL_RATE_PER_SECOND: '20' } });
    await eventually(() => expect(stoa.output()).toContain('Register somebody'));
  });
  afterAll(async () => {
    await stoa.stop();
    await folder[Symbol.asyncDispose]();
  });

  test('every address that the start prints can be opened', async () => {
    const addresses = new Set(stoa.output().match(/https?:\/\/[^\s'"]+/g));
    expect(addresses.size).toBeGreaterThanOrEqual(5);
    for (const address of addresses) {
      const answer = await fetch(address);
      // The address of the example's POST also lists accounts, which needs a permission.
      expect([200, 401], `${address}: ${answer.status}`).toContain(answer.status);
    }
    expect(stoa.output()).toMatch(/ready in \d+\.\d s/);
    expect(stoa.output()).toContain(folder.path);
  });

  test('the command that the start prints works', async () => {
    const command = /curl[\s\S]*?'\{[\s\S]*?\}'/.exec(stoa.output())?.[0] as string;
    expect(JSON.parse(await shell(command))).toMatchObject({ email: 'ada@example.com', status: 'pending' });
  });

  test('the tour of the README works as it stands', async () => {
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    const tour = /## Two minutes[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme)?.[1] as string;
    const mine = tour.replaceAll('http://localhost:3000', stoa.url).replaceAll('ada@example.com', 'grace@example.com');
    const output = await shell(mine);
    expect(output).toContain('"status":"pending"');
    expect(output).toMatch(/the code is \d{4}/);
    expect(output).toContain('"status":"active"');
    expect(output).toContain('already_active');
  });

  test('the files and commands that the README names exist', async () => {
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    for (const [, path] of readme.matchAll(/\]\((?!http)([^)#]+)\)/g)) await readFile(join(root, path as string));
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    const named = [...readme.matchAll(/npm (?:run )?([a-z:]+)/g)].map(([, name]) => name as string);
    expect(named.length).toBeGreaterThan(5);
    for (const name of named) expect(Object.keys(scripts)).toContain(name);
  });

  test('the type of every problem is a page on the server itself', async () => {
    const { items } = (await (await fetch(`${stoa.url}/problems`)).json()) as { items: { code: string; status: number }[] };
    const documents = JSON.stringify(await (await fetch(`${stoa.url}/openapi.json`)).json());
    const documented = new Set([...documents.matchAll(/"type":"\/problems\/([a-z_]+)"/g)].map(([, code]) => code as string));
    expect(documented.size).toBeGreaterThan(8);
    expect([...documented].filter((code) => !items.some((item) => item.code === code))).toEqual([]);
    for (const { code, status } of items) {
      const page = await fetch(`${stoa.url}/problems/${code}`, { headers: { accept: 'text/html' } });
      expect(page.status).toBe(200);
      const html = await page.text();
      for (const part of [code, String(status), 'Why it happens', 'What to do', 'The answer']) expect(html).toContain(part);
    }
  });
});
