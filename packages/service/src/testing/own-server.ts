import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './free-ports.ts';

/** A server program that a test starts for itself. */
export interface ServerProgram {
  /** For its folder, and for the error when it does not start. */
  readonly name: string;
  /** It takes connections once it has printed a line with this. */
  readonly readyWhen: string;
  /** The command that starts it on a port of the loopback, with an empty folder for what it keeps. */
  command(port: number, folder: string): Promise<ServerCommand>;
}

export interface ServerCommand {
  readonly file: string;
  readonly args?: readonly string[];
  /** Instead of the test's own. */
  readonly env?: NodeJS.ProcessEnv;
}

/** A server of a test's own, to be broken as it likes: its port and its folder stay the same over restarts. */
export interface OwnServer extends AsyncDisposable {
  readonly port: number;
  /** After `stop` or `kill`. Resolves when it takes connections. */
  start(): Promise<void>;
  /** Ends it as an operator would. */
  stop(): Promise<void>;
  /** Ends it at once, as an accident would. */
  kill(): Promise<void>;
  /** It keeps its connections and takes new ones, but answers nothing, as a machine that hangs. */
  freeze(): void;
  thaw(): void;
}

/** However the test's process ends, its end of the pipe closes, and the group with it; so it does when the server ends by itself. */
const TETHERED = '("$0" "$@" </dev/null; kill -9 0) & cat >/dev/null; kill -9 0';

/** How many ports are tried: another program may take one between our check and the server's start. */
const MOST_PORTS = 5;

const LINES_KEPT = 10;

/** Starts `program` on a free port of the loopback, with a folder that is removed with it. */
export async function startOwnServer(program: ServerProgram): Promise<OwnServer> {
  const folder = await mkdtemp(join(tmpdir(), `stoa-${program.name}-`));
  const remove = () => rm(folder, { recursive: true, force: true });
  for (let tries = 1; ; tries += 1) {
    const own = join(folder, String(tries));
    await mkdir(own);
    const port = await freePort();
    const server = createServerOn(port, await program.command(port, own), program);
    try {
      await server.start();
      return {
        ...server,
        async [Symbol.asyncDispose]() {
          await server.kill();
          await remove();
        },
      };
    } catch (error) {
      await server.kill();
      if (tries < MOST_PORTS) continue;
      await remove();
      throw error;
    }
  }
}

function createServerOn(
  port: number,
  { file, args = [], env }: ServerCommand,
  program: ServerProgram,
): Omit<OwnServer, keyof AsyncDisposable> {
  let running: ChildProcess | undefined;

  async function end(signal: NodeJS.Signals): Promise<void> {
    const child = running;
    running = undefined;
    if (child === undefined || !isAlive(child)) return;
    // The pipes are closed when the last process of the group has ended, not just the first.
    const closed = once(child, 'close');
    signalGroup(child, signal);
    // A frozen one receives no other signal than SIGKILL.
    signalGroup(child, 'SIGCONT');
    await closed;
  }

  return {
    port,
    async start() {
      // A process group of its own: some programs are scripts that start the server as their child.
      running = spawn('/bin/sh', ['-c', TETHERED, file, ...args], { ...(env && { env }), stdio: 'pipe', detached: true });
      await isReady(running, program);
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => running && signalGroup(running, 'SIGSTOP'),
    thaw: () => running && signalGroup(running, 'SIGCONT'),
  };
}

const isAlive = ({ pid, exitCode, signalCode }: ChildProcess): boolean => pid !== undefined && exitCode === null && signalCode === null;

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (isAlive(child)) process.kill(-(child.pid as number), signal);
}

/** @throws with its output, when it ended instead. */
async function isReady(child: ChildProcess, { name, readyWhen }: ServerProgram): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const said: string[] = [];
  child.once('error', reject);
  child.once('exit', () => reject(new Error(`${name} ended: ${said.join('\n')}`)));
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface(stream).on('line', (line) => {
      said.push(line);
      said.splice(0, said.length - LINES_KEPT);
      if (line.includes(readyWhen)) resolve();
    });
  }
  await promise;
}
