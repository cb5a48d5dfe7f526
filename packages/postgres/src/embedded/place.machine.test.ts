import { chmod, lstat, mkdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createLog } from '@stoa/service';
import { describe, expect, test } from 'vitest';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { type EmbeddedPostgresOptions, startEmbeddedPostgres } from './start-embedded-postgres.ts';
import { scratch } from './testing/scratch.ts';
import { ask, end, startProcess } from './testing/starter-process.ts';

const log = createLog({ level: 'silent' });
const isRoot = process.getuid?.() === 0;

describe.runIf(isRoot)('as root', () => {
  async function start(root: string, options: Partial<EmbeddedPostgresOptions> = {}) {
    const progress: string[] = [];
    const systemFolders = { data: join(root, 'var-lib'), cache: join(root, 'var-cache') };
    const server = await startEmbeddedPostgres({
      directory: join(root, 'home', '.stoa', 'postgres'),
      log,
      systemFolders,
      onProgress: (line) => progress.push(line),
      ...options,
    });
    return { server, progress };
  }

  test('Postgres runs as an unprivileged user who owns the data and nobody else reads it', async () => {
    await using folder = await scratch();
    const { server } = await start(folder.path);
    const { uid, mode } = await stat(server.directory);
    expect(uid).toBeGreaterThan(0);
    expect(mode & 0o777).toBe(0o700);
    const pid = Number((await ask<{ pid: number }>(server.url, 'select pg_backend_pid() as pid'))[0]?.pid);
    expect(pid).toBeGreaterThan(0);
    expect(
      (
        await stat(
          `/proc/${(await ask<{ pid: number }>(server.url, `select pid from pg_stat_activity where backend_type = 'checkpointer'`))[0]?.pid}`,
        )
      ).uid,
    ).toBe(uid);
    await server.stop();
  });

  test('below a folder that only root may enter, the data lives in a system folder, it says so, and a link leads there ever after', async () => {
    await using folder = await scratch();
    await mkdir(join(folder.path, 'home'), { mode: 0o700 });
    const first = await start(folder.path);
    expect(first.server.directory).toMatch(/\/var-lib\/stoa-[0-9a-f]{8}\/postgres$/);
    expect(first.progress.join('\n')).toContain(`cannot enter ${join(folder.path, 'home')}: its data lives in ${first.server.directory}`);
    expect(await readlink(join(folder.path, 'home/.stoa/postgres'))).toBe(first.server.directory);
    await ask(first.server.url, 'create table kept ()');
    await first.server.stop();

    const second = await start(folder.path);
    expect([second.server.directory, second.progress]).toEqual([first.server.directory, []]);
    await ask(second.server.url, 'select from kept');
    await second.server.stop();
  });

  test('data that was reachable and is so no more is never left for an empty database', async () => {
    await using folder = await scratch();
    await (await start(folder.path)).server.stop();
    await chmod(join(folder.path, 'home'), 0o700);
    const error = await start(folder.path).then(
      () => expect.fail('should have been refused'),
      (caught: unknown) => caught as EmbeddedPostgresError,
    );
    expect(error).toBeInstanceOf(EmbeddedPostgresError);
    expect(error.fix).toContain(`chmod o+x ${join(folder.path, 'home')}`);
    await chmod(join(folder.path, 'home'), 0o711);
    await (await start(folder.path)).server.stop();
  });

  test('data of another user is served as that user', async () => {
    await using folder = await scratch();
    const user = { uid: 65534, gid: 65534 };
    await chmod(folder.path, 0o777);
    const starter = await startProcess({ directory: join(folder.path, 'home/.stoa/postgres'), user });
    await ask(starter.url, 'create table kept ()');
    await end(starter);
    await chmod(join(folder.path, 'home/.stoa'), 0o711);
    await chmod(join(folder.path, 'home'), 0o711);
    const { server } = await start(folder.path);
    await ask(server.url, 'select from kept');
    expect((await stat(join(server.directory, 'postmaster.pid'))).uid).toBe(user.uid);
    await server.stop();
  });

  test('another user can start it too, and gets an error when the data belongs to someone else', async () => {
    await using folder = await scratch();
    await chmod(folder.path, 0o777);
    const user = { uid: 65534, gid: 65534 };
    const starter = await startProcess({ directory: join(folder.path, 'mine/postgres'), user });
    expect((await lstat(starter.directory)).uid).toBe(user.uid);
    await end(starter);
    await (await start(folder.path, { directory: join(folder.path, 'roots/postgres') })).server.stop();
    await expect(startProcess({ directory: join(folder.path, 'roots/postgres'), user })).rejects.toThrow(/belongs to another user/);
  });

  test('a user id without a name, which Postgres refuses, is reported with a remedy', async () => {
    await using folder = await scratch();
    await chmod(folder.path, 0o777);
    const started = startProcess({ directory: join(folder.path, 'postgres'), user: { uid: 54_321, gid: 54_321 } });
    await expect(started).rejects.toThrow(/user id 54321 has none.*\/etc\/passwd/);
  });
});
