import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { freePort } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GATEWAY, serviceNames } from '../../apps/server/src/services.ts';
import { dataFolder, spawnStoa, startStoa } from './stoa-process.ts';

/** A start that cannot go on says why in one line and what to do in another, ends with a code, and touches nothing. */
describe('a start that cannot go on', () => {
  let folder: Awaited<ReturnType<typeof dataFolder>>;
  beforeAll(async () => {
    folder = await dataFolder();
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  interface Broken {
    readonly title: string;
    readonly env?: Record<string, string>;
    readonly args?: string[];
    readonly exitCode: number;
    /** What the cause and the fix must name. */
    readonly says: (string | RegExp)[];
  }

  const broken: Broken[] = [
    { title: 'a port that is no number', env: { PORT: 'http' }, exitCode: 78, says: ['PORT=http', 'a whole number from 0 to 65535'] },
    { title: 'a flag that does not exist', args: ['--prot', '4000'], exitCode: 64, says: ["'--prot'", 'Usage: stoa start'] },
    { title: 'a word too many', args: ['now'], exitCode: 64, says: ['"now"', 'Usage: stoa start'] },
    {
      title: 'a service that does not exist',
      args: ['--services', 'gateway,posst'],
      exitCode: 78,
      says: ['"posst"', `Choose from ${[GATEWAY, ...serviceNames].join(', ')}`],
    },
    {
      title: 'two services without the gateway, and one port',
      args: ['--services', 'users,mailer'],
      exitCode: 78,
      says: ['MAILER_PORT=3001', '--services gateway'],
    },
    {
      title: 'a part of the work, where no other process could do the rest',
      args: ['--role', 'api'],
      exitCode: 78,
      says: ['ROLE=api', 'DATABASE_URL'],
    },
    {
      title: 'a service elsewhere, and no broker between',
      args: ['--services', 'gateway,users'],
      env: { SERVICES_MAILER_URL: 'http://mailer:3000' },
      exitCode: 78,
      says: ['SERVICES_MAILER_URL', 'BROKER_URL=amqp://'],
    },
    { title: 'a hash cost that is too weak', env: { BCRYPT_COST: '4' }, exitCode: 78, says: ['BCRYPT_COST=4'] },
    {
      title: 'several wrong values, all of them at once',
      env: { PORT: '70000', MAIL_RATE_PER_SECOND: 'fast', LOG_LEVEL: 'loud' },
      exitCode: 78,
      says: ['3 settings', 'PORT=70000', 'MAIL_RATE_PER_SECOND=fast', 'LOG_LEVEL=loud', 'one of trace, debug'],
    },
    { title: 'a mail address of unknown kind', env: { MAIL_URL: 'pigeon://roof' }, exitCode: 78, says: ['MAIL_URL', 'smtp://'] },
    { title: 'a broker of unknown kind', env: { BROKER_URL: 'carrier:' }, exitCode: 78, says: ['BROKER_URL=carrier:', 'local:'] },
    {
      title: 'an external database without the secret',
      env: { DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x' },
      exitCode: 78,
      says: ['STOA_SECRET is not set', 'MAIL_URL is not set'],
    },
    {
      title: 'a database address that cannot be',
      env: {
        DATABASE_URL: 'postgres://admin:hunter2@db:99999/x',
        STOA_SECRET: Buffer.alloc(32, 1).toString('base64'),
        MAIL_URL: 'mailbox:',
      },
      exitCode: 78,
      says: ['DATABASE_URL=•••'],
    },
    {
      title: 'a mail server that cannot be',
      env: { MAIL_URL: 'smtp://me:hunter2@mail:99999' },
      exitCode: 78,
      says: ['MAIL_URL=•••'],
    },
    {
      title: 'a password that is not percent-encoded',
      env: { MAIL_URL: 'smtp://me:hunter2%zz@mail:25' },
      exitCode: 78,
      says: ['MAIL_URL=•••'],
    },
    {
      title: 'a secret of the wrong length',
      env: { STOA_SECRET: `${'A'.repeat(48)}` },
      exitCode: 78,
      says: ['STOA_SECRET', 'npx stoa secret'],
    },
    {
      title: 'an external database that is not there',
      env: {
        DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x',
        STOA_SECRET: Buffer.alloc(32, 1).toString('base64'),
        MAIL_URL: 'mailbox:',
      },
      exitCode: 69,
      says: ['127.0.0.1:1', 'DATABASE_URL'],
    },
    {
      title: 'an address that this machine does not have',
      env: { HOST: '192.0.2.1' },
      exitCode: 78,
      says: ['HOST=192.0.2.1', '127.0.0.1'],
    },
  ];

  test.for(broken)('$title', async ({ env = {}, args = [], exitCode, says }) => {
    const stoa = spawnStoa({ dataDirectory: folder.path, env, args });
    expect(await stoa.exited).toBe(exitCode);
    expectClearProblem(stoa.output(), says);
    expect(stoa.output()).not.toContain('hunter2');
  });

  test('a port that is taken', async () => {
    const port = await freePort();
    const other = createServer().listen(port, '127.0.0.1');
    await once(other, 'listening');
    const stoa = spawnStoa({ dataDirectory: folder.path, port });
    expect(await stoa.exited).toBe(69);
    expectClearProblem(stoa.output(), [`Port ${port}`, `npm start -- --port ${port + 1}`]);
    other.close();
  });

  test('a data folder that is a file', async () => {
    const file = `${folder.path}-file`;
    await writeFile(file, 'mine');
    const stoa = spawnStoa({ dataDirectory: file });
    expect(await stoa.exited).toBe(73);
    expectClearProblem(stoa.output(), [file, '--data DIR']);
    expect(await readFile(file, 'utf8')).toBe('mine');
  });

  test('a database folder that another major version made', async () => {
    const data = `${folder.path}-old`;
    await mkdir(join(data, 'postgres/global'), { recursive: true });
    await writeFile(join(data, 'postgres/PG_VERSION'), '13\n');
    const stoa = spawnStoa({ dataDirectory: data });
    expect(await stoa.exited).toBe(69);
    expectClearProblem(stoa.output(), ['13', '18', data]);
    expect(await readFile(join(data, 'postgres/PG_VERSION'), 'utf8')).toBe('13\n');
  });

  test('a database folder that holds something else', async () => {
    const data = `${folder.path}-other`;
    await mkdir(join(data, 'postgres'), { recursive: true });
    await writeFile(join(data, 'postgres/diary.txt'), 'dear diary');
    const stoa = spawnStoa({ dataDirectory: data });
    expect(await stoa.exited).toBe(69);
    expectClearProblem(stoa.output(), [join(data, 'postgres')]);
    expect(await readFile(join(data, 'postgres/diary.txt'), 'utf8')).toBe('dear diary');
  });

  test('a folder that another Stoa runs on; that one is not disturbed', async () => {
    const first = await startStoa({ dataDirectory: `${folder.path}-shared` });
    const second = spawnStoa({ dataDirectory: first.dataDirectory });
    expect(await second.exited).toBe(75);
    expectClearProblem(second.output(), [String(first.child.pid), first.url, '--data DIR']);
    expect((await fetch(`${first.url}/health/ready`)).status).toBe(200);
    expect(await first.stop()).toBe(0);
  });
});

function expectClearProblem(output: string, says: readonly (string | RegExp)[]) {
  for (const phrase of says)
    expect(output).toMatch(typeof phrase === 'string' ? new RegExp(phrase.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : phrase);
  expect(output).toMatch(/^Fix: \S/m);
  expect(output, 'no stack trace').not.toMatch(/^\s+at /m);
  expect(output.trim().split('\n').length).toBeLessThanOrEqual(6);
}
