import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { EmbeddedPostgresError, OWN_POSTGRES } from './embedded-postgres-error.ts';
import { exists, unlessCode } from './files.ts';
import { blockedAt, type RunAs } from './run-as.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

export interface BinariesOptions {
  /** The installed npm package that holds the server for this platform. */
  readonly packageFolder: string;
  /** Where a copy goes if the package itself cannot be used. */
  readonly cacheFolder: string;
  readonly user: RunAs | undefined;
  readonly say: (message: string) => void;
}

const PROGRAMS = ['initdb', 'postgres'] as const;

/** The folder of the installed package with the server for this platform. */
export function findPackage(platform: string = process.platform, arch: string = process.arch): string {
  const name = `@embedded-postgres/${platform}-${arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (error) {
    throw new EmbeddedPostgresError(
      `The package ${name} with the Postgres server for this machine is not installed.`,
      `Run "npm ci" here without --omit=optional; where there is no such package, ${OWN_POSTGRES}.`,
      { cause: error },
    );
  }
}

/**
 * Makes the package's server runnable: its links between libraries, which a post-install script would make and a strict
 * npm does not run, and its executable bits. Where the package is read-only, or out of reach for the user that Postgres
 * runs as, a copy in the cache folder serves instead.
 */
export async function prepareBinaries({ packageFolder, cacheFolder, user, say }: BinariesOptions): Promise<Binaries> {
  const native = join(packageFolder, 'native');
  const reachable = user === undefined || (await isReadable(native, user));
  if (reachable && (await isMended(native))) return programsIn(native);

  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  const copy = join(cacheFolder, `postgres-${version}-${basename(packageFolder)}`);
  if (!(await exists(copy))) {
    say(`Copying the Postgres server to ${copy}, as it cannot be used from ${packageFolder}.`);
    await copyOver(native, copy);
  }
  return programsIn(copy);
}

const programsIn = (native: string): Binaries => ({ initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres') });

async function isReadable(native: string, user: RunAs): Promise<boolean> {
  if ((await blockedAt(join(native, 'bin'), user)) !== undefined) return false;
  const { uid, mode } = await stat(join(native, 'share/postgresql/postgres.bki'));
  return uid === user.uid || (mode & 0o004) !== 0;
}

/** `false` when there is something to mend and we may not write there. */
const isMended = (native: string): Promise<boolean> =>
  mend(native).then(
    () => true,
    (error: unknown) => {
      unlessCode('EACCES', 'EPERM', 'EROFS')(error);
      return false;
    },
  );

async function mend(native: string): Promise<void> {
  for (const program of PROGRAMS) {
    const path = join(native, 'bin', program);
    const { mode } = await stat(path);
    if ((mode & 0o555) !== 0o555) await chmod(path, mode | 0o555);
  }
  for (const [target, link] of await readLinks(native)) {
    if (!(await exists(link))) await symlink(target, link).catch(unlessCode('EEXIST'));
  }
}

/** Pairs of the file that a link is to point to and the link's own path. */
async function readLinks(native: string): Promise<[target: string, link: string][]> {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(text) as { source: string; target: string }[];
  return links.map(({ source, target }) => [basename(source), join(native, target.replace(/^native\//, ''))]);
}

/** Under another name first, so that a copy that is there is whole. */
async function copyOver(native: string, copy: string): Promise<void> {
  const draft = `${copy}.draft-${process.pid}`;
  await mkdir(dirname(copy), { recursive: true, mode: 0o755 });
  await cp(native, draft, { recursive: true, verbatimSymlinks: true, filter: (path) => !/(\.a|pkgconfig|pgxs)$/.test(path) });
  for (const entry of await readdir(draft, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
  }
  await chmod(draft, 0o755);
  await mend(draft);
  await rename(draft, copy).catch(unlessCode('ENOTEMPTY', 'EEXIST'));
  await rm(draft, { recursive: true, force: true });
}
