import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { commandLine, identify, isAlive, isPostgresOf, type ProcessIdentity, postgresProcessesOf, signal } from './processes.ts';

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

/** A setting that Postgres ignores: the server's command line says who started it, and nothing can get out of step with it. */
const OWNER_SETTING = 'stoa.owner';

export function ownerSetting(): Record<string, string> {
  const { pid, startedAt } = identify(process.pid);
  return { [OWNER_SETTING]: `${pid}-${startedAt}` };
}

function ownerOf(postmaster: number): ProcessIdentity | undefined {
  const [, pid, startedAt = ''] = new RegExp(`${OWNER_SETTING}=(\\d+)-(\\d*)`).exec(commandLine(postmaster)) ?? [];
  return pid === undefined ? undefined : { pid: Number(pid), startedAt };
}

/**
 * Ends what a killed Stoa left running on the directory and removes the server's stale lock file, which Postgres itself
 * respects as long as any process, a zombie too, has the id in it.
 * @throws EmbeddedPostgresError when the server belongs to a Stoa that lives.
 */
export async function clearLeftovers(directory: string, say: (message: string) => void): Promise<void> {
  const lockFile = join(directory, 'postmaster.pid');
  const lock = await readFile(lockFile, 'utf8').catch(() => '');
  const postmaster = Number.parseInt(lock, 10);
  if (postmaster > 0 && isPostgresOf(postmaster, directory)) {
    const owner = ownerOf(postmaster);
    if (owner !== undefined && isAlive(owner)) throw alreadyRunning(directory, owner.pid);
    say('Ending the Postgres of a Stoa that was killed.');
    await end(ORPHAN_SIGNALS, () => (isPostgresOf(postmaster, directory) ? [postmaster] : []));
  }
  if (postgresProcessesOf(directory).length > 0) {
    say('Waiting for left-over connections of a Postgres that was killed.');
    await end(BACKEND_SIGNALS, () => postgresProcessesOf(directory));
  }
  // Only the file that was judged: another starter may have put its own there meanwhile.
  if (lock !== '' && (await readFile(lockFile, 'utf8').catch(() => '')) === lock) await rm(lockFile, { force: true });
}

export const alreadyRunning = (directory: string, pid: number): EmbeddedPostgresError =>
  new EmbeddedPostgresError(
    `Process ${pid}, another Stoa, is running on ${directory}.`,
    `Stop it with "kill ${pid}", or choose another data folder for this one.`,
  );

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
