import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { withTimeout } from '@stoa/service';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import type { RunAs } from './run-as.ts';
import { CLEAN_ENVIRONMENT, explainFailure } from './run-program.ts';
import { SETTINGS } from './settings.ts';

export interface ServerProcess {
  readonly port: number;
  readonly pid: number;
  /** Resolves with the end of its log when the server has ended, wanted or not. */
  readonly exited: Promise<string>;
  /** Fast shutdown: ends connections, writes a checkpoint. Bounded: it ends in any case. */
  stop(): Promise<void>;
}

export interface ServerProcessOptions {
  readonly directory: string;
  readonly postgres: string;
  readonly user: RunAs | undefined;
  readonly settings: Readonly<Record<string, string>>;
  /** A free port of 127.0.0.1. */
  readonly choosePort?: () => Promise<number>;
}

/** Recovery after a crash replays at most `max_wal_size`: some seconds on a laptop, more on a slow disk. */
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 10;
/** The signals of a shutdown, fast, then immediate, and how long each may take; then SIGKILL. */
const SHUTDOWN: readonly [NodeJS.Signals, number][] = [
  ['SIGINT', 10_000],
  ['SIGQUIT', 3_000],
];
/** What passes by itself: a port that was taken between our check and the server's start, backends that are still ending. */
const PASSING = /could not create any TCP|pre-existing shared memory block/;
const ATTEMPTS = 10;
const ATTEMPT_PAUSE_MS = 200;
const LOG_FILE = 'stoa.log';
const LOG_LIMIT_BYTES = 1_000_000;

/** Starts the server on a free port of 127.0.0.1 and resolves when it accepts connections. */
export async function startServer({ choosePort = freePort, ...options }: ServerProcessOptions): Promise<ServerProcess> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOn(await choosePort(), options);
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof Error && PASSING.test(error.message))) throw error;
    }
    await delay(ATTEMPT_PAUSE_MS);
  }
}

async function startOn(port: number, { directory, postgres, user, settings }: ServerProcessOptions): Promise<ServerProcess> {
  const log = await openLog(directory);
  const args = Object.entries({ ...SETTINGS, ...settings, port: String(port) }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // A session of its own (detached): a Ctrl-C goes to us, and we end the server last. Its log is a file, as it may outlive us.
  const child = spawn(postgres, ['-D', directory, ...args], {
    ...user,
    cwd: '/',
    env: CLEAN_ENVIRONMENT,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  child.unref();
  const exited = once(child, 'exit').then(
    () => new Error('the server ended before it was ready'),
    (error: Error) => error,
  );
  await log.close();

  const ready = await Promise.race([untilReady(directory, child), exited]);
  if (ready instanceof Error) throw explainFailure(postgres, ready, await log.written());
  if (ready === 'late') {
    await stopChild(child);
    throw new EmbeddedPostgresError(
      `Postgres was not ready after ${READY_TIMEOUT_MS / 1000} s.`,
      `See ${join(directory, LOG_FILE)}; start again to let it continue.`,
    );
  }
  return { port, pid: child.pid as number, exited: exited.then(() => log.written()), stop: () => stopChild(child) };
}

/** The server writes its state into the eighth line of postmaster.pid; `pg_ctl` waits for the same. */
async function untilReady(directory: string, child: ChildProcess): Promise<'ready' | 'late'> {
  for (const deadline = Date.now() + READY_TIMEOUT_MS; Date.now() < deadline; await delay(READY_POLL_MS)) {
    const lines = (await readFile(join(directory, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return 'ready';
    if (child.exitCode !== null || child.signalCode !== null) break;
  }
  return 'late';
}

async function stopChild(child: ChildProcess): Promise<void> {
  const ended = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  const exit = ended() ? undefined : once(child, 'exit');
  for (const [signal, patience] of SHUTDOWN) {
    if (ended()) return;
    child.kill(signal);
    if (exit !== undefined) await withTimeout(exit, patience, () => {});
  }
  if (ended()) return;
  child.kill('SIGKILL');
  await exit;
}

async function openLog(directory: string): Promise<{ fd: number; written(): Promise<string>; close(): Promise<void> }> {
  const path = join(directory, LOG_FILE);
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_LIMIT_BYTES) await rename(path, `${path}.1`);
  const start = size > LOG_LIMIT_BYTES ? 0 : size;
  const handle = await open(path, 'a', 0o600);
  return { fd: handle.fd, written: async () => (await readFile(path)).subarray(start).toString(), close: () => handle.close() };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
