import { execFile } from 'node:child_process';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually, freePort, type OwnServer, startOwnServer } from '@stoa/service/testing';

/** A RabbitMQ of a test's own. Its data stay over restarts. */
export interface RabbitServer extends OwnServer {
  readonly url: string;
  /** Raises the alarm that a server raises when its memory is full: publishers are blocked until `unblock`. */
  block(): Promise<void>;
  unblock(): Promise<void>;
  /** Closes the channel of a publisher of a larger message; without a number the limit is the usual one. */
  takeAtMost(bytes?: number): Promise<void>;
  /** Closes the channel of a publisher to the exchange under a key that does not match the pattern. */
  allowKeys(exchange: string, pattern: string): Promise<void>;
  /** Closes the channel of a publisher to an exchange that does not match the pattern. */
  allowExchanges(pattern: string): Promise<void>;
  /** The queue answers nobody any more, as one without a majority of its nodes, until the returned function is called. */
  silence(queue: string): Promise<() => Promise<void>>;
  /**
   * Resolves when a kill does not hurt the queue: RabbitMQ 3.10 writes down a new quorum queue some seconds late, and one that it had not
   * written stays broken for ever (declaring it: INTERNAL_ERROR).
   */
  settled(queue: string): Promise<void>;
}

/** Where Debian has the scripts themselves; those in its PATH want to be root, and serve the machine's own node. */
const SCRIPTS = '/usr/lib/rabbitmq/bin';

/** Starts the machine's `rabbitmq-server` on a free port of the loopback: a node of its own, with a folder of its own. */
export async function startRabbitServer(): Promise<RabbitServer> {
  await access(SCRIPTS);
  let environment: Environment = {};
  const server = await startOwnServer({
    name: 'rabbitmq',
    readyWhen: 'Server startup complete',
    async command(port, folder) {
      environment = await prepare(folder, port, await freePort());
      return { file: join(SCRIPTS, 'rabbitmq-server'), env: environment };
    },
  });
  const { RABBITMQ_NODENAME: node = '', RABBITMQ_MNESIA_BASE: data = '' } = environment;

  const control = async (...args: string[]): Promise<void> => {
    await promisify(execFile)(join(SCRIPTS, 'rabbitmqctl'), ['--node', node, '--quiet', ...args], { env: environment });
  };
  return {
    ...server,
    url: `amqp://guest:guest@127.0.0.1:${server.port}`,
    block: () => control('set_vm_memory_high_watermark', '0'),
    unblock: () => control('set_vm_memory_high_watermark', '0.6'),
    takeAtMost: (bytes = 128 * 1024 * 1024) =>
      control('eval', `application:set_env(rabbit, max_message_size, ${bytes}), persistent_term:erase(rabbit_max_message_size).`),
    allowKeys: (exchange, pattern) => control('set_topic_permissions', 'guest', exchange, pattern, '.*'),
    allowExchanges: (pattern) => control('set_permissions', 'guest', '.*', pattern, '.*'),
    async silence(queue) {
      const tell = (word: string) =>
        control(
          'eval',
          `{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"${queue}">>)), sys:${word}(amqqueue:get_pid(Q)).`,
        );
      await tell('suspend');
      return () => tell('resume');
    },
    settled: (queue) =>
      eventually(
        async () => {
          const names = await readFile(join(data, node, 'quorum', node, 'names.dets'), 'latin1');
          if (!names.includes(queue)) throw new Error(`${queue} is not written yet`);
        },
        { timeoutMs: 30_000 },
      ),
  };
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @returns the environment of a node that has nothing in common with the machine's own. */
async function prepare(folder: string, port: number, distributionPort: number): Promise<Environment> {
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
