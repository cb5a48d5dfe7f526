import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { eventually } from '@stoa/service/testing';

/** A RabbitMQ of a test's own, to be broken as it likes: its address and its data stay the same over restarts. */
export interface RabbitServer extends AsyncDisposable {
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
  /** Raises the alarm that a server raises when its memory is full: who publishes is blocked until `unblock`. */
  block(): Promise<void>;
  unblock(): Promise<void>;
  /**
   * Resolves when a kill does not hurt the queue: RabbitMQ 3.10 writes down a new quorum queue some seconds late, and one that it had not
   * written stays broken for ever (declaring it: INTERNAL_ERROR).
   */
  settled(queue: string): Promise<void>;
}

/** Where Debian has the scripts themselves; those in its PATH want to be root, and serve the machine's own node. */
const SCRIPTS = '/usr/lib/rabbitmq/bin';

/** However the test's process ends, its end of the pipe closes, and the group with it; so it does when the server ends by itself. */
const TETHERED = '("$0" </dev/null; kill -9 0) & cat >/dev/null; kill -9 0';

/** How many ports are tried: another program may take one between our look and the server's start. */
const MOST_PORTS = 5;

/** Starts the machine's `rabbitmq-server` on a free port of the loopback: a node of its own, with a folder of its own. */
export async function startRabbitServer(): Promise<RabbitServer> {
  await access(SCRIPTS);
  const folder = await mkdtemp(join(tmpdir(), 'stoa-rabbitmq-'));
  let environment: NodeJS.ProcessEnv = {};
  let port = 0;
  let running: ChildProcess | undefined;

  async function start(): Promise<void> {
    // A process group of its own: the script starts the server as its child.
    const child = spawn('/bin/sh', ['-c', TETHERED, join(SCRIPTS, 'rabbitmq-server')], { env: environment, stdio: 'pipe', detached: true });
    running = child;
    await isReady(child);
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const child = running;
    running = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    // The pipes are closed when the last process of the group has ended, not just the script.
    const exit = once(child, 'close');
    signalGroup(child, signal);
    signalGroup(child, 'SIGCONT');
    await exit;
  }

  const control = async (...args: string[]): Promise<void> => {
    const node = environment['RABBITMQ_NODENAME'] as string;
    await promisify(execFile)(join(SCRIPTS, 'rabbitmqctl'), ['--node', node, '--quiet', ...args], { env: environment });
  };

  for (let tries = 1; ; tries += 1) {
    port = await freePort();
    environment = await prepare(join(folder, String(tries)), port, await freePort());
    try {
      await start();
      break;
    } catch (error) {
      if (tries === MOST_PORTS) throw error;
    }
  }

  return {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    port,
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => running && signalGroup(running, 'SIGSTOP'),
    thaw: () => running && signalGroup(running, 'SIGCONT'),
    block: () => control('set_vm_memory_high_watermark', '0'),
    unblock: () => control('set_vm_memory_high_watermark', '0.6'),
    settled: (queue) =>
      eventually(
        async () => {
          const node = environment['RABBITMQ_NODENAME'] as string;
          const names = await readFile(join(environment['RABBITMQ_MNESIA_BASE'] as string, node, 'quorum', node, 'names.dets'), 'latin1');
          if (!names.includes(queue)) throw new Error(`${queue} is not written yet`);
        },
        { timeoutMs: 30_000 },
      ),
    async [Symbol.asyncDispose]() {
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** @returns the environment of a node that has nothing in common with the machine's own. */
async function prepare(folder: string, port: number, distributionPort: number): Promise<NodeJS.ProcessEnv> {
  await mkdir(folder, { recursive: true });
  const file = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  return {
    PATH: process.env['PATH'],
    HOME: folder,
    RABBITMQ_NODENAME: `stoa-${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_CONF_ENV_FILE: await file('rabbitmq-env.conf', ''),
    RABBITMQ_CONFIG_FILE: await file('rabbitmq.conf', 'log.console = true\n'),
    RABBITMQ_ENABLED_PLUGINS_FILE: await file('enabled_plugins', '[].\n'),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_FLAGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  };
}

function signalGroup({ pid, exitCode, signalCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  process.kill(-pid, signal);
}

/** @throws what it said, when it ended instead. */
async function isReady(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const said: string[] = [];
  child.once('error', reject);
  child.once('exit', () => reject(new Error(`rabbitmq-server ended: ${said.slice(-10).join('\n')}`)));
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface(stream).on('line', (line) => {
      said.push(line);
      said.splice(0, said.length - 10);
      if (line.includes('Server startup complete')) resolve();
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
