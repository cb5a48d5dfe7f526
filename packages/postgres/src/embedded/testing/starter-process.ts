import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { EmbeddedPostgresOptions } from '../start-embedded-postgres.ts';

export interface StarterProcess {
  readonly child: ChildProcess;
  readonly url: string;
  readonly directory: string;
}
interface Refused {
  readonly problem: string;
  readonly fix: string;
}

export type StarterOptions = Omit<EmbeddedPostgresOptions, 'log' | 'onProgress'> & {
  readonly user?: { readonly uid: number; readonly gid: number };
};

/** What runs, by the folder it works on. */
const running = new Map<ChildProcess, string>();

/** Spawns a starter in a process group of its own, without waiting for it. */
export function spawnStarter({ user, ...options }: StarterOptions): ChildProcess {
  const script = fileURLToPath(new URL('starter.ts', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(options)], {
    ...user,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.set(child, options.directory);
  child.once('exit', () => running.delete(child));
  return child;
}

/** What a test that failed leaves running in its folder would keep the whole run from ending. */
export function killStartersIn(folder: string): void {
  for (const [child, directory] of running) if (directory.startsWith(folder)) child.kill('SIGKILL');
}

/** What the starter reports when it is done: that it runs, or why not. */
export async function outcome(child: ChildProcess): Promise<StarterProcess | Refused> {
  if (child.stdout === null) throw new Error('no output to read');
  for await (const line of createInterface(child.stdout))
    return { child, ...(JSON.parse(line) as Omit<StarterProcess, 'child'> | Refused) };
  throw new Error('the starter ended without a word');
}

export async function startProcess(options: StarterOptions): Promise<StarterProcess> {
  const started = await outcome(spawnStarter(options));
  if ('problem' in started) throw new Error(`${started.problem} ${started.fix}`);
  return started;
}

/** Ends the process by `signal` and waits until it is gone. */
export async function end({ child }: { readonly child: ChildProcess }, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

/** Runs one statement on a connection of its own. */
export async function ask<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}
