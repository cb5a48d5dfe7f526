import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EmbeddedPostgresError, OWN_POSTGRES } from './embedded-postgres-error.ts';

/** The unprivileged user that Postgres runs as when we are root, which it refuses to run as. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

/** In the order of preference; `nobody` is on every system. Users are only chosen, never made. */
const CANDIDATES = ['stoa', 'postgres', 'nobody'];

/**
 * The user that owns the data already, else the first candidate. initdb insists on a user that /etc/passwd knows.
 * @returns `undefined` when we are not root: Postgres then runs as we do.
 */
export async function chooseUser(directory: string): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(directory).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const candidate of CANDIDATES) {
    const [, , uid, gid] = lines.find(([name]) => name === candidate) ?? [];
    if (Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new EmbeddedPostgresError(
    'Postgres does not run as root, and this system has none of the users stoa, postgres and nobody.',
    `Add one with "useradd --system stoa", start Stoa as another user, or ${OWN_POSTGRES}.`,
  );
}

/** The first folder on the way to `path`, itself included, that the user may not enter, judged by the mode bits. */
export async function blockedAt(path: string, user: RunAs): Promise<string | undefined> {
  const parent = dirname(path);
  const above = parent === path ? undefined : await blockedAt(parent, user);
  if (above !== undefined) return above;
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !found.isDirectory()) return undefined;
  const bit = found.uid === user.uid ? 0o100 : found.gid === user.gid ? 0o010 : 0o001;
  return (found.mode & bit) === 0 ? path : undefined;
}
