import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLog } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { postgresProcessesOf } from './processes.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './start-embedded-postgres.ts';
import { scratch } from './testing/scratch.ts';
import { ask } from './testing/starter-process.ts';

const log = createLog({ level: 'silent' });
const refusal = (directory: string) =>
  startEmbeddedPostgres({ directory, log }).then(
    () => expect.fail('should have been refused'),
    (error: unknown) => error as EmbeddedPostgresError,
  );

let folder: Awaited<ReturnType<typeof scratch>>;
let server: EmbeddedPostgres;

beforeAll(async () => {
  folder = await scratch();
  server = await startEmbeddedPostgres({ directory: join(folder.path, 'made', 'postgres'), log });
});
afterAll(async () => {
  await server.stop();
  await folder[Symbol.asyncDispose]();
});

describe('a running embedded Postgres', () => {
  test('is durable: no setting that risks a committed transaction is changed', async () => {
    const names = ['fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums'];
    const rows = await ask(server.url, `select name, setting from pg_settings where name in ('${names.join("', '")}') order by name`);
    expect(rows).toEqual(names.toSorted().map((name) => ({ name, setting: 'on' })));
  });

  test('is of major version 18, in UTF-8, and orders by code point whatever the machine', async () => {
    const [row] = await ask(
      server.url,
      `select current_setting('server_version') as version, datlocprovider as provider, datlocale as locale from pg_database where datname = 'postgres'`,
    );
    expect(row).toEqual({ version: expect.stringMatching(/^18\./), provider: 'b', locale: 'C.UTF-8' });
    const [words] = await ask<{ sorted: string[]; upper: string }>(
      server.url,
      `select array(select w from unnest('{b,a,ä,B}'::text[]) w order by w) as sorted, upper('straße é') as upper`,
    );
    expect(words).toEqual({ sorted: ['B', 'a', 'b', 'ä'], upper: 'STRAßE É' });
  });

  test('admits no client without the password, and none from outside', async () => {
    const wrong = Object.assign(new URL(server.url), { password: 'wrong' }).href;
    await expect(ask(wrong, 'select 1')).rejects.toThrow('password authentication failed');
    const rows = await ask(server.url, `select distinct auth_method from pg_hba_file_rules`);
    expect(rows).toEqual([{ auth_method: 'scram-sha-256' }]);
    const [row] = await ask(
      server.url,
      `select current_setting('listen_addresses') as tcp, current_setting('unix_socket_directories') as sockets`,
    );
    expect(row).toEqual({ tcp: '127.0.0.1', sockets: '' });
    expect((await stat(join(server.directory, 'stoa-password'))).mode & 0o777).toBe(0o600);
  });

  test('writes no statement that failed into its log, as its values may be secret', async () => {
    await ask(server.url, `do $$ begin raise exception 'secret-in-statement'; end $$`).catch(() => {});
    expect(await readFile(join(server.directory, 'stoa.log'), 'utf8')).not.toContain('secret-in-statement');
  });

  test('refuses a second start on its directory, naming the process that runs there', async () => {
    const error = await refusal(server.directory);
    expect(error).toBeInstanceOf(EmbeddedPostgresError);
    expect(error.message).toContain(`Process ${process.pid}`);
    expect(error.fix).toContain(`kill ${process.pid}`);
    expect(await ask(server.url, 'select 1 as alive')).toEqual([{ alive: 1 }]);
  });
});

describe('stopping and starting again', () => {
  test('keeps the data, leaves no process, and stop may be called twice', async () => {
    await using own = await scratch();
    const directory = join(own.path, 'postgres');
    const first = await startEmbeddedPostgres({ directory, log });
    await ask(first.url, 'create table kept as select 42 as answer');
    await Promise.all([first.stop(), first.stop()]);
    expect(postgresProcessesOf(first.directory)).toEqual([]);

    const progress: string[] = [];
    const second = await startEmbeddedPostgres({ directory, log, onProgress: (line) => progress.push(line) });
    expect(await ask(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await second.stop();
    expect(progress).toEqual([]);
    expect(await readdir(own.path)).toEqual(['postgres']);
  });

  test('a server that is killed is started again at the same URL, and stop still ends it', async () => {
    await using own = await scratch();
    const started = await startEmbeddedPostgres({ directory: join(own.path, 'postgres'), log });
    await ask(started.url, 'create table kept as select 42 as answer');
    for (const pid of postgresProcessesOf(started.directory)) process.kill(pid, 'SIGKILL');
    await eventually(async () => expect(await ask(started.url, 'select answer from kept')).toEqual([{ answer: 42 }]));
    await started.stop();
    expect(postgresProcessesOf(started.directory)).toEqual([]);
  });

  test('a stop that comes while the server is being started again leaves nothing running', async () => {
    await using own = await scratch();
    const started = await startEmbeddedPostgres({ directory: join(own.path, 'postgres'), log });
    for (const pid of postgresProcessesOf(started.directory)) process.kill(pid, 'SIGKILL');
    await eventually(() => expect(postgresProcessesOf(started.directory)).toEqual([]), { intervalMs: 1 });
    await eventually(() => expect(postgresProcessesOf(started.directory).length).toBeGreaterThan(0), { intervalMs: 1 });
    await started.stop();
    expect(postgresProcessesOf(started.directory)).toEqual([]);
  });

  test('stop does not wait for connections that are open', async () => {
    await using own = await scratch();
    const started = await startEmbeddedPostgres({ directory: join(own.path, 'postgres'), log });
    const hanging = ask(started.url, 'select pg_sleep(60)').catch((error: Error) => error.message);
    await eventually(async () =>
      expect(
        await ask(started.url, `select from pg_stat_activity where query like '%pg_sleep(60)' and pid <> pg_backend_pid()`),
      ).toHaveLength(1),
    );
    await started.stop();
    expect(await hanging).toMatch(/terminat/);
  });
});

describe('a directory that is no cluster of ours is refused with cause and fix, and nothing in it is touched', () => {
  const cases: [string, (directory: string) => Promise<unknown>, RegExp, RegExp][] = [
    [
      'files of another program',
      (directory) => writeFile(join(directory, 'thesis.doc'), 'dear'),
      /no complete Postgres database/,
      /mv '.*' '.*\.old'/,
    ],
    ['an initialisation cut off', (directory) => writeFile(join(directory, 'PG_VERSION'), '18\n'), /no complete Postgres database/, /mv /],
    [
      'another major version',
      (directory) => cluster(directory, '15', 'stoa-password'),
      /made by Postgres 15; this Stoa brings Postgres 18/,
      /pg_dump/,
    ],
    ['a Postgres that Stoa did not make', (directory) => cluster(directory, '18'), /Stoa did not make/, /DATABASE_URL/],
  ];
  const cluster = async (directory: string, version: string, ...more: string[]) => {
    await mkdir(join(directory, 'global'));
    for (const [name, text] of [['PG_VERSION', `${version}\n`], ...more.map((name) => [name, 'x'])] as [string, string][])
      await writeFile(join(directory, name), text);
  };

  test.each(cases)('%s', async (_, make, cause, fix) => {
    await using own = await scratch();
    const directory = join(own.path, 'postgres');
    await mkdir(directory);
    await make(directory);
    const before = await readdir(own.path, { recursive: true });
    const error = await refusal(directory);
    expect(error).toBeInstanceOf(EmbeddedPostgresError);
    expect([error.message, error.fix]).toEqual([expect.stringMatching(cause), expect.stringMatching(fix)]);
    expect(await readdir(own.path, { recursive: true })).toEqual(before);
  });

  test('a link to data that is gone', async () => {
    await using own = await scratch();
    await symlink(join(own.path, 'gone'), join(own.path, 'postgres'));
    expect((await refusal(join(own.path, 'postgres'))).message).toContain('is a link to data that is not there');
  });

  test('a folder that cannot be made', async () => {
    await using own = await scratch();
    await writeFile(join(own.path, 'file'), '');
    const error = await refusal(join(own.path, 'file', 'postgres'));
    expect(error).toBeInstanceOf(EmbeddedPostgresError);
    expect(error.message).toContain(join(own.path, 'file'));
  });

  test('an empty directory is no obstacle', async () => {
    await using own = await scratch();
    await mkdir(join(own.path, 'postgres'));
    const started = await startEmbeddedPostgres({ directory: join(own.path, 'postgres'), log });
    await started.stop();
  });
});
