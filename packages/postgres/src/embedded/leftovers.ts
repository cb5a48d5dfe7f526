import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { identify, isAlive, isPostgresOf, postgresProcessesOf, type ProcessIdentity, signal } from './processes.ts';

/** Who started the server that runs on the directory. */
const OWNER_FILE = 'stoa-owner.json';
const POLL_MS = 20;
/** A server without its Stoa: fast shutdown, then immediate, then by force. */
const ORPHAN_SIGNALS: readonly [NodeJS.Signals, number][] = [
  ['SIGINT', 5_000],
  ['SIGQUIT', 2_000],
  ['SIGKILL', 1_000],
];
/** Backends without their server leave by themselves as soon as they notice, unless they compute. */
const BACKEND_SIGNALS: readonly [NodeJS.Signals | undefined, number][] = [
  [undefined, 1_000],
  ['SIGTERM', 1_000],
  ['SIGKILL', 1_000],
];

/** Notes that the server about to be started is ours. */
export const claim = (directory: string): Promise<void> => writeFile(join(directory, OWNER_FILE), JSON.stringify(identify(process.pid)), { mode: 0o600 });
export const unclaim = (directory: string): Promise<void> => rm(join(directory, OWNER_FILE), { force: true });

/**
 * Ends what a killed Stoa left running on the directory and removes the server's stale lock file, which Postgres itself
 * respects as long as any process, a zombie too, has the id in it.
 * @throws EmbeddedPostgresError when the server belongs to a Stoa that lives.
 */
export async function clearLeftovers(directory: string, say: (message: string) => void): Promise<void> {
  const lockFile = join(directory, 'postmaster.pid');
  const postmaster = Number.parseInt(await readFile(lockFile, 'utf8').catch(() => ''), 10);
  const running = postmaster > 0 && isPostgresOf(postmaster, directory);
  const owner = await readOwner(directory);
  if (running && owner !== undefined && isAlive(owner)) {
    throw new EmbeddedPostgresError(
      `Process ${owner.pid}, another Stoa, is running on ${directory}.`,
      `Stop it with "kill ${owner.pid}", or choose another data folder for this one.`,
    );
  }
  if (running) {
    say('Ending the Postgres of a Stoa that was killed.');
    await end(ORPHAN_SIGNALS, () => (isPostgresOf(postmaster, directory) ? [postmaster] : []));
  }
  if (postgresProcessesOf(directory).length > 0) {
    say('Waiting for left-over connections of a Postgres that was killed.');
    await end(BACKEND_SIGNALS, () => postgresProcessesOf(directory));
  }
  await rm(lockFile, { force: true });
}

async function end(signals: typeof BACKEND_SIGNALS, remaining: () => number[]): Promise<void> {
  for (const [name, patienceMs] of signals) {
    if (name !== undefined) for (const pid of remaining()) signal(pid, name);
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await delay(POLL_MS)) {
      if (remaining().length === 0) return;
    }
  }
  throw new EmbeddedPostgresError(
    `Postgres processes of an earlier run cannot be ended: ${remaining().join(', ')}.`,
    'They may hang on a disk that does not answer; end them or restart the machine, then start again.',
  );
}

async function readOwner(directory: string): Promise<ProcessIdentity | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, OWNER_FILE), 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}
