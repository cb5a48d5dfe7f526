import { randomBytes } from 'node:crypto';
import { chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { EmbeddedPostgresError, OWN_POSTGRES } from './embedded-postgres-error.ts';
import { flush, unlessCode } from './files.ts';
import { identify, isAlive } from './processes.ts';
import type { RunAs } from './run-as.ts';
import { runProgram } from './run-program.ts';
import { INITIAL_SETTINGS } from './settings.ts';

export const MAJOR_VERSION = '18';
export const SUPERUSER = 'postgres';
/** Kept inside the data directory: it comes to be together with the cluster, and a copy of the folder is complete. */
const PASSWORD_FILE = 'stoa-password';

/** Whether there is a cluster of ours to start. @throws EmbeddedPostgresError when there is something else. */
export async function inspect(directory: string): Promise<'absent' | 'ready'> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw unreadable(directory, error);
  });
  if (names.length === 0) return 'absent';
  const version = names.includes('PG_VERSION') ? (await readFile(join(directory, 'PG_VERSION'), 'utf8')).trim() : undefined;
  if (version === undefined || !names.includes('global')) {
    throw new EmbeddedPostgresError(
      `${directory} holds files but no complete Postgres database (an initialisation that was cut off, or another program's files).`,
      `Nothing was touched. If you do not need them, move them away: mv '${directory}' '${directory}.old'`,
    );
  }
  if (version !== MAJOR_VERSION) {
    throw new EmbeddedPostgresError(
      `${directory} was made by Postgres ${version}; this Stoa brings Postgres ${MAJOR_VERSION}, which cannot open it.`,
      `Nothing was touched. Start the Stoa that made it and copy the data over with pg_dump, or run Postgres ${version} on it and ${OWN_POSTGRES} (packages/postgres/README.md).`,
    );
  }
  if (!names.includes(PASSWORD_FILE)) {
    throw new EmbeddedPostgresError(
      `${directory} is a Postgres database that Stoa did not make: the file ${PASSWORD_FILE} is missing.`,
      `Nothing was touched. Put the file back, choose another data folder, or run your own server on it and ${OWN_POSTGRES}.`,
    );
  }
  return 'ready';
}

export const readPassword = (directory: string): Promise<string> => readFile(join(directory, PASSWORD_FILE), 'utf8');

/**
 * Makes an empty cluster. It is made under another name and moved into place when it is whole and on the disk, so that
 * a kill at any moment leaves either nothing or a complete cluster at `directory`.
 */
export async function initialise(directory: string, { initdb }: Binaries, user: RunAs | undefined): Promise<void> {
  await removeDrafts(directory);
  const { pid, startedAt } = identify(process.pid);
  const draft = `${draftPrefix(directory)}${pid}-${startedAt}-${randomBytes(4).toString('hex')}`;
  const data = join(draft, 'data');
  const passwordFile = join(draft, PASSWORD_FILE);
  await mkdir(draft, { mode: 0o700 });
  await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
  if (user) for (const path of [draft, passwordFile]) await chown(path, user.uid, user.gid);
  await runProgram(initdb, [...INITDB_OPTIONS, `--pgdata=${data}`, `--pwfile=${passwordFile}`], user);
  await rename(passwordFile, join(data, PASSWORD_FILE));
  await flush(join(data, PASSWORD_FILE));
  await flush(data);
  // Where another starter was faster its cluster stands, and ours goes.
  await rename(data, directory).catch(unlessCode('ENOTEMPTY', 'EEXIST'));
  await flush(dirname(directory));
  await rm(draft, { recursive: true });
}

/**
 * Collation by code point with Unicode's upper and lower case, built into Postgres: the same order on every machine,
 * whatever its C library or ICU. Its files are synced one by one (the default): `syncfs` would wait for what npm has just written too.
 */
const INITDB_OPTIONS = [
  `--username=${SUPERUSER}`,
  '--auth-local=scram-sha-256',
  '--auth-host=scram-sha-256',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--no-instructions',
  ...Object.entries(INITIAL_SETTINGS).map(([name, value]) => `--set=${name}=${value}`),
];

const draftPrefix = (directory: string): string => `${directory}.draft-`;

/** What a killed initialisation left behind; never was a database. One that still goes on is left alone. */
async function removeDrafts(directory: string): Promise<void> {
  const prefix = basename(draftPrefix(directory));
  for (const name of await readdir(dirname(directory))) {
    if (!name.startsWith(prefix)) continue;
    const [pid, startedAt = ''] = name.slice(prefix.length).split('-');
    // The initdb of a killed starter may still write there; then it stays until the next start.
    if (!isAlive({ pid: Number(pid), startedAt }))
      await rm(join(dirname(directory), name), { recursive: true, force: true }).catch(() => {});
  }
}

const unreadable = (directory: string, cause: NodeJS.ErrnoException): EmbeddedPostgresError =>
  new EmbeddedPostgresError(
    `${directory} cannot be read (${cause.code}): it belongs to another user.`,
    'Start Stoa as the user who made it, or as root, or choose another data folder.',
    { cause },
  );
