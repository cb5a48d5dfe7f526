import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, realpath, rmdir, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { blockedAt, chooseUser, type RunAs } from './run-as.ts';

/** Where the cluster lives, and the user that Postgres runs as. */
export interface DataLocation {
  /** Absolute, without links. It need not exist yet. */
  readonly path: string;
  readonly user: RunAs | undefined;
  /** To be called once the cluster is there: leaves a link behind where it was asked for, by which it is found again. */
  settle(): Promise<void>;
}

/**
 * Decides where the cluster asked for at `directory` (absolute) lives: there, or, when we are root and the user that
 * Postgres runs as cannot get there, in a folder of its own under `systemFolder`.
 */
export async function choosePlace(directory: string, systemFolder: string, say: (message: string) => void): Promise<DataLocation> {
  await mkdir(dirname(directory), { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
  const path = await resolveLink(directory);
  const user = await chooseUser(path);
  const stay: DataLocation = { path, user, settle: async () => {} };
  const blocked = user && (await blockedAt(dirname(path), user));
  if (blocked === undefined) return stay;

  if ((await readdir(path).catch(() => [])).length > 0) {
    throw new EmbeddedPostgresError(
      `Postgres runs as user id ${user?.uid}, not as root, and this user cannot enter ${blocked} to reach the data in ${path}.`,
      `Allow it with "chmod o+x ${blocked}", or move the data folder to a place that others may enter.`,
    );
  }
  const folder = join(systemFolder, `${basename(dirname(directory)).replace(/^\.+/, '')}-${randomBytes(4).toString('hex')}`);
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const elsewhere = join(await realpath(folder), 'postgres');
  say(`Postgres, which does not run as root, cannot enter ${blocked}: its data lives in ${elsewhere}.`);
  return {
    path: elsewhere,
    user,
    settle: async () => {
      await rmdir(directory).catch(() => {});
      await symlink(elsewhere, directory);
    },
  };
}

async function resolveLink(directory: string): Promise<string> {
  const found = await lstat(directory).catch(() => undefined);
  if (found === undefined) return join(await realpath(dirname(directory)), basename(directory));
  return realpath(directory).catch((error: unknown) => {
    throw new EmbeddedPostgresError(
      `${directory} is a link to data that is not there any more.`,
      'Put the data back where the link points, or remove the link to begin with an empty database.',
      { cause: error },
    );
  });
}
