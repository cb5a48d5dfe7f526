import { chmod, cp, lstat, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLog } from '@stoa/service';
import { describe, expect, test } from 'vitest';
import { findPackage } from './binaries.ts';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { startEmbeddedPostgres } from './start-embedded-postgres.ts';
import { scratch } from './testing/scratch.ts';
import { ask, end, startProcess } from './testing/starter-process.ts';

const log = createLog({ level: 'silent' });
const isRoot = process.getuid?.() === 0;

/** The package as a strict npm leaves it: without links, and here without executable bits as well. */
async function bareCopy(to: string): Promise<string> {
  const packageFolder = join(to, 'package');
  await cp(findPackage(), packageFolder, { recursive: true, verbatimSymlinks: true });
  const lib = join(packageFolder, 'native/lib');
  for (const name of await readdir(lib)) if ((await lstat(join(lib, name))).isSymbolicLink()) await rm(join(lib, name));
  for (const name of await readdir(join(packageFolder, 'native/bin'))) await chmod(join(packageFolder, 'native/bin', name), 0o644);
  return packageFolder;
}

/** Starts with this package, asks one thing, stops. @returns what it said. */
async function serve(root: string, packageFolder: string): Promise<string[]> {
  const progress: string[] = [];
  const systemFolders = { data: join(root, 'var-lib'), cache: join(root, 'var-cache') };
  const server = await startEmbeddedPostgres({
    directory: join(root, 'data/postgres'),
    log,
    packageFolder,
    systemFolders,
    onProgress: (line) => progress.push(line),
  });
  expect(await ask(server.url, 'select 1 as alive')).toEqual([{ alive: 1 }]);
  await server.stop();
  return progress;
}

const refusal = (root: string, packageFolder: string) =>
  serve(root, packageFolder).then(
    () => expect.fail('should have been refused'),
    (error: unknown) => error as EmbeddedPostgresError,
  );

describe('the server that npm brings', () => {
  test('serves although the links between its libraries and its executable bits lack', async () => {
    await using folder = await scratch();
    const packageFolder = await bareCopy(folder.path);
    await serve(folder.path, packageFolder);
    expect((await lstat(join(packageFolder, 'native/lib/libicuuc.so.60'))).isSymbolicLink()).toBe(true);
  });

  test.runIf(isRoot)('is copied once to the cache where only root can reach the package, and it says so', async () => {
    await using folder = await scratch();
    const closed = join(folder.path, 'root');
    await mkdir(closed, { mode: 0o700 });
    const packageFolder = await bareCopy(closed);
    const first = await serve(folder.path, packageFolder);
    expect(first.join('\n')).toMatch(/Copying the Postgres server to .*\/var-cache\/postgres-18/);
    expect(await readdir(join(folder.path, 'var-cache'))).toEqual([expect.stringMatching(/^postgres-18\.[\w.-]+-package$/)]);
    expect(await serve(folder.path, packageFolder)).toEqual([]);
  });

  test.runIf(isRoot)('is copied where a umask of 077 left its files readable by root alone', async () => {
    await using folder = await scratch();
    const packageFolder = await bareCopy(folder.path);
    for (const entry of await readdir(packageFolder, { recursive: true, withFileTypes: true }))
      await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600);
    expect((await serve(folder.path, packageFolder)).join('\n')).toContain('Copying the Postgres server');
  });

  test.runIf(isRoot)('is copied to their own cache for a user who may not mend the package', async () => {
    await using folder = await scratch();
    const packageFolder = await bareCopy(folder.path);
    await chmod(folder.path, 0o777);
    process.env['XDG_CACHE_HOME'] = join(folder.path, 'cache');
    const starter = await startProcess({ directory: join(folder.path, 'data/postgres'), packageFolder, user: { uid: 65534, gid: 65534 } });
    delete process.env['XDG_CACHE_HOME'];
    expect(await ask(starter.url, 'select 1 as alive')).toEqual([{ alive: 1 }]);
    await end(starter);
    expect((await stat(join(folder.path, 'cache/stoa'))).uid).toBe(65534);
  });

  test('a platform without a package is reported, with a remedy', () => {
    const find = () => findPackage('plan9', 'mips');
    expect(find).toThrow(EmbeddedPostgresError);
    expect(find).toThrow('@embedded-postgres/plan9-mips');
  });

  test('a shared library that the system lacks is named', async () => {
    await using folder = await scratch();
    const packageFolder = await bareCopy(folder.path);
    await rm(join(packageFolder, 'native/lib/libxml2.so.2'));
    // The system may have it; the server needs it under this name.
    const program = join(packageFolder, 'native/bin/postgres');
    await writeFile(program, (await readFile(program, 'latin1')).replaceAll('libxml2.so.2', 'libxmlX.so.2'), 'latin1');
    const error = await refusal(folder.path, packageFolder);
    expect(error).toBeInstanceOf(EmbeddedPostgresError);
    expect([error.message, error.fix]).toEqual([expect.stringContaining('libxmlX.so.2'), expect.stringContaining('apt-get install')]);
  });

  test('a program that cannot run on this system is reported as such', async () => {
    await using folder = await scratch();
    const packageFolder = await bareCopy(folder.path);
    await writeFile(join(packageFolder, 'native/bin/initdb'), '#!/no/such/loader\n');
    const error = await refusal(folder.path, packageFolder);
    expect(error).toBeInstanceOf(EmbeddedPostgresError);
    expect(error.fix).toContain('DATABASE_URL');
  });
});
