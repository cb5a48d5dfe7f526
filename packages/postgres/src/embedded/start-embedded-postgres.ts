import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Logger } from '@stoa/service';
import { findPackage, prepareBinaries } from './binaries.ts';
import { initialise, inspect, readPassword, SUPERUSER } from './cluster.ts';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { clearLeftovers, ownerSetting } from './leftovers.ts';
import { choosePlace } from './place.ts';
import { startSupervisedServer } from './supervised-server.ts';

export interface EmbeddedPostgresOptions {
  /** The data directory; made where it is missing, and its parent too. */
  readonly directory: string;
  readonly log: Logger;
  /** One line for a person who waits or must know; to the log when absent. */
  readonly onProgress?: (message: string) => void;
  /** Server settings over our own, `fsync: 'off'` in tests for example. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where data and programs go when Postgres, which never runs as root, cannot reach `directory` or its package. */
  readonly systemFolders?: { readonly data: string; readonly cache: string };
  /** The npm package with the server; the one of this platform by default. */
  readonly packageFolder?: string;
}

export interface EmbeddedPostgres {
  /** The superuser's, with its password: `postgres://postgres:…@127.0.0.1:port/postgres`. */
  readonly url: string;
  readonly port: number;
  /** Where the data really is. */
  readonly directory: string;
  /** To be called last, when nobody needs the database any more. Ends within 15 s. */
  stop(): Promise<void>;
}

const SYSTEM_FOLDERS = { data: '/var/lib/stoa', cache: '/var/cache/stoa' };

/**
 * Starts a real Postgres 18 on `directory`, and makes it there on the first start. Recovers by itself after this
 * process, the server or the machine was killed; a server that dies under us is started again on the same port.
 * @throws EmbeddedPostgresError with cause and fix; nothing was destroyed then.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    return await start(options);
  } catch (error) {
    throw asProblem(error, options.directory);
  }
}

async function start({
  directory: asked,
  log,
  onProgress,
  settings = {},
  systemFolders = SYSTEM_FOLDERS,
  packageFolder = findPackage(),
}: EmbeddedPostgresOptions) {
  const say = onProgress ?? ((message: string): void => log.info(message));
  const { path: directory, user, settle } = await choosePlace(resolve(asked), systemFolders.data, say);
  const cacheFolder = user ? systemFolders.cache : join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stoa');
  const binaries = await prepareBinaries({ packageFolder, cacheFolder, user, say });
  if ((await inspect(directory)) === 'absent') {
    say(`Making an empty database in ${directory}.`);
    await initialise(directory, binaries, user);
  }
  await settle();
  await clearLeftovers(directory, say);
  const server = await startSupervisedServer(
    { directory, postgres: binaries.postgres, user, settings: { ...settings, ...ownerSetting() } },
    log,
  );
  const url = `postgres://${SUPERUSER}:${encodeURIComponent(await readPassword(directory))}@127.0.0.1:${server.port}/postgres?sslmode=disable`;
  return { url, port: server.port, directory, stop: server.stop };
}

/** Whatever the file system refuses is for the operator to fix; any other error is ours, and stays as it is. */
function asProblem(error: unknown, directory: string): unknown {
  if (error instanceof EmbeddedPostgresError || !(error instanceof Error) || !('syscall' in error)) return error;
  const { code, path = directory } = error as NodeJS.ErrnoException;
  return new EmbeddedPostgresError(
    `The embedded database cannot use ${path}: ${code}.`,
    `Check the permissions and the free space there, or choose another data folder than ${directory}.`,
    { cause: error },
  );
}
