import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A Redis of a test's own, to be broken as it likes: its address stays the same over restarts, what it holds is lost with it. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
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

/** How many ports are tried: another program may take one between our look and the server's start. */
const MOST_PORTS = 5;

/**
 * Starts the machine's `redis-server` on a free port of the loopback, with a folder of its own.
 * @param args more arguments for it, `--requirepass` and a password for example, given the port.
 */
export async function startRedisServer(args: (port: number) => readonly string[] = () => []): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-redis-'));
  let port = 0;
  let running: ChildProcess | undefined;

  async function start(): Promise<void> {
    const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
    const child = spawn('redis-server', [...settings, ...args(port)], { stdio: ['ignore', 'pipe', 'ignore'] });
    running = child;
    const dieWithUs = () => child.kill('SIGKILL');
    process.once('exit', dieWithUs);
    child.once('exit', () => process.removeListener('exit', dieWithUs));
    await isReady(child);
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const child = running;
    running = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    // One that is frozen hears no other signal than SIGKILL.
    child.kill('SIGCONT');
    await exit;
  }

  for (let tries = 1; ; tries += 1) {
    port = await freePort();
    try {
      await start();
      break;
    } catch (error) {
      if (tries === MOST_PORTS) throw error;
    }
  }

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => void running?.kill('SIGSTOP'),
    thaw: () => void running?.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** @throws what it said, when it ended instead. */
async function isReady(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const said: string[] = [];
  child.once('error', reject);
  child.once('exit', () => reject(new Error(`redis-server ended: ${said.slice(-5).join('\n')}`)));
  if (child.stdout) {
    createInterface(child.stdout).on('line', (line) => {
      said.push(line);
      if (line.includes('Ready to accept connections')) resolve();
    });
  }
  await promise;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  return address.port;
}
