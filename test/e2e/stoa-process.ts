import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { databaseFolder } from '@stoa/postgres/testing';
import { eventually, freePort } from '@stoa/service/testing';

const root = resolve(import.meta.dirname, '../..');

/** A real `stoa start`, as its own process, with a data folder and a port of its own. */
export interface StoaProcess {
  readonly url: string;
  readonly dataDirectory: string;
  readonly child: ChildProcess;
  /** All that was printed so far, on both streams. */
  output(): string;
  /** Resolves with the exit code. */
  exited: Promise<number | null>;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface StartOptions {
  readonly dataDirectory: string;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** How to start it; `node apps/server/src/main.ts start` by default. */
  readonly command?: readonly string[];
  /** Its working folder; the project's by default. */
  readonly cwd?: string;
  /** In a process group of its own, as a terminal would start it. */
  readonly detached?: boolean;
}

/** What a Stoa of these tests is: many processes (`spread-stoa.ts`), containers (`../containers/container-stoa.ts`), else one process. */
const TOPOLOGY = process.env['STOA_TEST_TOPOLOGY'];

/** Starts Stoa, in the topology of the run, and resolves as soon as `/health/ready` answers 200. */
export async function startStoa(options: StartOptions, topology = TOPOLOGY): Promise<StoaProcess> {
  const port = options.port ?? (await freePort());
  if (topology === 'spread') return await (await import('./spread-stoa.ts')).startSpread({ ...options, port });
  if (topology === 'containers') return await (await import('../containers/container-stoa.ts')).startInContainers({ ...options, port });
  const stoa = spawnStoa({ ...options, port });
  const ready = eventually(
    async () => {
      const answer = await fetch(`${stoa.url}/health/ready`);
      if (answer.status !== 200) throw new Error(`not ready: ${answer.status} ${await answer.text()}`);
    },
    { timeoutMs: 60_000, intervalMs: 20 },
  );
  const gone = stoa.exited.then((code) => {
    throw new Error(`stoa ended with ${code}:\n${stoa.output()}`);
  });
  await Promise.race([ready, gone]).catch(async (error) => {
    await stoa.stop('SIGKILL');
    throw new Error(`${(error as Error).message}\n${stoa.output()}`);
  });
  return stoa;
}

/** By the folder it works on: a process that a test leaves running, as a failed test does, must not outlive its folder. */
const running = new Map<ChildProcess, string>();
const killThoseOf = (folder: string): void => {
  for (const [child, directory] of running) if (directory.startsWith(folder)) child.kill('SIGKILL');
};
process.once('exit', () => killThoseOf(''));

/** Starts the process without waiting for anything: for starts that are meant to fail. */
export function spawnStoa({ dataDirectory, port, env, args = [], command, cwd = root, detached = false }: StartOptions): StoaProcess {
  const [program, ...words] = command ?? [process.execPath, join(root, 'apps/server/src/main.ts'), 'start'];
  const child = spawn(program as string, [...words, ...args], {
    cwd,
    detached,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      DATA_DIR: dataDirectory,
      PORT: String(port ?? 0),
      LOG_LEVEL: 'warn',
      BCRYPT_COST: '10',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.set(child, dataDirectory);
  child.once('close', () => running.delete(child));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exited = once(child, 'close').then(([code]) => code as number | null);
  return {
    url: `http://127.0.0.1:${port}`,
    dataDirectory,
    child,
    exited,
    output: () => output,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return exited;
    },
  };
}

export interface DataFolder extends AsyncDisposable {
  readonly path: string;
}

/** A folder for one Stoa. */
export async function dataFolder(topology = TOPOLOGY): Promise<DataFolder> {
  const folder = await databaseFolder();
  const data = join(folder.path, 'data');
  return {
    path: data,
    async [Symbol.asyncDispose]() {
      killThoseOf(folder.path);
      if (topology === 'spread') await (await import('./spread-stoa.ts')).closeGround(data);
      if (topology === 'containers') await (await import('../containers/container-stoa.ts')).closeContainers(data);
      await folder[Symbol.asyncDispose]();
    },
  };
}
