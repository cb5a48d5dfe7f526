import { randomBytes, randomUUID } from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identify, isAlive, type ProcessIdentity } from '@stoa/postgres';
import { StartProblem } from './start-problem.ts';

/**
 * DATA holds everything that the embedded mode keeps: `postgres/`, `secret`, `lock` (which process uses it) and `run.json`
 * (how to reach what runs). One live Stoa at a time; what a dead one left is taken over.
 */
export interface DataDirectory {
  readonly path: string;
  /** `STOA_SECRET` of this folder, made on the first call. */
  secret(): Promise<string>;
  writeRun(run: RunFile): Promise<void>;
  /** Releases the folder. */
  release(): Promise<void>;
}

export interface RunFile {
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  /** An administrator's URL of the running embedded Postgres. */
  readonly databaseUrl: string;
}

/** Creates the folder if it is missing, and locks it for this process. */
export async function openDataDirectory(directory: string): Promise<DataDirectory> {
  const path = resolve(directory);
  await makeFolder(path);
  await lock(path);
  await rm(join(path, 'run.json'), { force: true });
  return {
    path,
    secret: () => secretOf(path),
    writeRun: (run) => writePrivate(join(path, 'run.json'), `${JSON.stringify(run)}\n`),
    release: async () => {
      await rm(join(path, 'run.json'), { force: true });
      await rm(join(path, 'lock'), { force: true });
    },
  };
}

/** What runs on the folder now, if anything does. */
export async function readRun(directory: string): Promise<RunFile | undefined> {
  const path = resolve(directory);
  const holder = await readHolder(path);
  if (holder === undefined || !isAlive(holder)) return undefined;
  try {
    const run = JSON.parse(await readFile(join(path, 'run.json'), 'utf8')) as RunFile;
    // After a kill the file may be that of the process before.
    return run.pid === holder.pid ? run : undefined;
  } catch {
    return undefined;
  }
}

export async function secretOf(path: string): Promise<string> {
  const file = join(path, 'secret');
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unusable(path, error);
  }
  const secret = randomBytes(32).toString('base64');
  await writePrivate(file, `${secret}\n`);
  return secret;
}

/** When started as root, Postgres runs as another user, which must be able to pass through (0711); else the folder is private. */
async function makeFolder(path: string) {
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  try {
    const made = await mkdir(path, { recursive: true, mode });
    if (made !== undefined) await chmod(path, mode);
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, cause: unknown): StartProblem {
  const { code, message } = cause as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    EACCES: 'this user may not write there',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    EEXIST: 'a file of that name is in the way',
    ENOTDIR: 'a file is in the way',
  };
  const reason = reasons[code ?? ''] ?? message;
  return new StartProblem(
    `The data folder ${path} cannot be used: ${reason}.`,
    'Choose another with --data DIR or DATA_DIR, or fix its permissions.',
    73,
  );
}

/** @throws StartProblem when a running Stoa uses the folder: reported before errors that follow from it, such as a port in use. */
export async function assertUnused(directory: string): Promise<void> {
  const path = resolve(directory);
  const holder = await readHolder(path);
  if (holder === undefined || !isAlive(holder)) return;
  const run = await readRun(path);
  throw new StartProblem(
    `Another Stoa (process ${holder.pid}${run ? `, ${run.url}` : ''}) is running on ${path}.`,
    `Use that one, stop it with "kill ${holder.pid}", or start this one with --data DIR and another --port.`,
    75,
  );
}

/** The lock is a hard link to a file written beforehand, so that nobody ever reads a half-written one. */
async function lock(path: string) {
  const file = join(path, 'lock');
  const mine = join(path, `lock.${randomUUID()}`);
  try {
    await writePrivate(mine, JSON.stringify(identify(process.pid)));
  } catch (error) {
    throw unusable(path, error);
  }
  try {
    for (;;) {
      if (await tryLink(mine, file)) return;
      const holder = await readHolder(path);
      await assertUnused(path);
      if (await takeOver(path, mine, holder)) return;
    }
  } finally {
    await rm(mine, { force: true });
  }
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Replaces the lock of a dead holder with ours. A link that only one process at a time can create decides which one may do so, and
 * under it the lock is read again: a faster process may have put a live one there.
 */
async function takeOver(path: string, mine: string, dead: ProcessIdentity | undefined): Promise<boolean> {
  const file = join(path, 'lock');
  const turn = `${file}.after-${dead ? `${dead.pid}-${dead.startedAt}` : 'damage'}`;
  if (!(await tryLink(mine, turn))) {
    const other = parseHolder(await readFile(turn, 'utf8').catch(() => ''));
    if (other !== undefined && !isAlive(other)) await rm(turn, { force: true });
    await delay(5);
    return false;
  }
  try {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    const found = parseHolder(text ?? '');
    if (text === undefined || found?.pid !== dead?.pid || found?.startedAt !== dead?.startedAt) return false;
    await rename(mine, file);
    return true;
  } finally {
    await rm(turn, { force: true });
  }
}

async function readHolder(path: string): Promise<ProcessIdentity | undefined> {
  try {
    return parseHolder(await readFile(join(path, 'lock'), 'utf8'));
  } catch {
    return undefined;
  }
}

function parseHolder(text: string): ProcessIdentity | undefined {
  try {
    const { pid, startedAt } = JSON.parse(text) as Partial<ProcessIdentity>;
    return typeof pid === 'number' && typeof startedAt === 'string' ? { pid, startedAt } : undefined;
  } catch {
    return undefined;
  }
}

async function writePrivate(file: string, text: string) {
  const draft = `${file}.${randomUUID()}.draft`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, file);
}
