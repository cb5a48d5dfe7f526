import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { dataFolder, startStoa } from '../test/e2e/stoa-process.ts';
import { besideAThousand, p95 } from './p95.ts';
import type { Workload } from './workload.ts';

const SMALL = 1_000;
const LARGE = 1_000_000;
const REQUESTS = 200;
const PASSWORD = 'bench administrator 1';
const root = resolve(import.meta.dirname, '..');

const questions = {
  'list of 20': 'limit=20',
  'list by status': 'status=active&limit=20',
  'search, common': 'q=example',
  'search, two characters': 'q=lo',
  'search, nobody': 'q=xyzzyplugh',
  'search, misspelt': 'q=kernigan+brien',
} as const;

type Timings = Record<string, number | undefined>;

/** Milliseconds that 95 of 100 answers stay below with a million accounts, beside those with a thousand. Takes minutes: by name only. */
export const scale: Workload = async () => {
  const [small, large] = [await timingsWith(SMALL), await timingsWith(LARGE)];
  return Object.keys(large).map((what) => besideAThousand(what, large[what] as number, small[what] as number, '≤ 2'));
};

async function timingsWith(count: number): Promise<Timings> {
  await using folder = await dataFolder();
  const env = { RATE_LIMITS: 'off', BCRYPT_COST: '10' };
  const stoa = await startStoa({ dataDirectory: folder.path, env });
  const command = async (args: readonly string[]) => {
    const options = { cwd: root, env: { ...process.env, ...env, STOA_ADMIN_PASSWORD: PASSWORD, DATA_DIR: folder.path } };
    return (await promisify(execFile)(process.execPath, [join(root, 'apps/server/src/main.ts'), ...args], options)).stdout;
  };
  try {
    await command(['admin', 'create', '--email', 'admin@example.com']);
    const email = /one is (\S+)/.exec(await command(['seed', '--users', String(count)]))?.[1] as string;
    const logIn = async (identifier: string, password: string) => {
      const body = JSON.stringify({ identifier, password });
      const answer = await fetch(`${stoa.url}/v1/sessions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      if (answer.status !== 201) throw new Error(`log-in answered ${answer.status}`);
      return ((await answer.json()) as { accessToken: string }).accessToken;
    };
    const authorization = `Bearer ${await logIn('admin@example.com', PASSWORD)}`;
    const get = async (query: string) => {
      const answer = await fetch(`${stoa.url}/v1/users?${query}`, { headers: { authorization } });
      if (answer.status !== 200) throw new Error(`${query} answered ${answer.status}`);
      return (await answer.json()) as { nextCursor: string };
    };
    const timings: Timings = {};
    const rare = `q=${email.split('@')[0]}`;
    for (const [what, query] of Object.entries({ ...questions, 'search, rare': rare }))
      [timings[what]] = await p95(REQUESTS, () => get(query));
    let cursor = (await get('limit=1')).nextCursor;
    for (let page = 0; page < 800; page += 1) ({ nextCursor: cursor } = await get(`limit=1&cursor=${cursor}`));
    [timings['page 800 by cursor']] = await p95(REQUESTS, () => get(`limit=1&cursor=${cursor}`));
    [timings['log-in, bcrypt 10']] = await p95(50, () => logIn(email, 'a password for trying out'));
    return timings;
  } finally {
    await stoa.stop();
  }
}
