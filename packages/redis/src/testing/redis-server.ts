import { eventually, type OwnServer, startOwnServer } from '@stoa/service/testing';
import { Redis } from 'ioredis';

/** A Redis of a test's own. What it holds is lost with a restart. */
export interface RedisServer extends OwnServer {
  readonly url: string;
  /** Sends one command, as an operator would with `redis-cli`. */
  command(name: string, ...args: readonly string[]): Promise<unknown>;
  /** Makes it a replica. It keeps its connections, and takes what `primary` has: then it resolves. */
  follow(primary: RedisServer): Promise<void>;
  /** Makes it a primary. */
  lead(): Promise<void>;
}

/** As an operator changes a primary for another: `replica`, which has all there is, leads from now on, and `primary` follows it. */
export async function failOver(primary: RedisServer, replica: RedisServer): Promise<void> {
  await replica.follow(primary);
  await replica.lead();
  await primary.follow(replica);
}

/** Else a replica that asks for everything waits five seconds for others. */
const QUICK = ['--repl-diskless-sync-delay', '0'];

/**
 * Starts the machine's `redis-server` on a free port of the loopback, with a folder of its own.
 * @param args more arguments for it, `--requirepass` and a password for example, given the port.
 */
export async function startRedisServer(args: (port: number) => readonly string[] = () => []): Promise<RedisServer> {
  const server = await startOwnServer({
    name: 'redis',
    readyWhen: 'Ready to accept connections',
    command: async (port, folder) => ({
      file: 'redis-server',
      args: ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no', ...QUICK, ...args(port)],
    }),
  });
  const url = `redis://127.0.0.1:${server.port}`;

  async function command(name: string, ...more: readonly string[]): Promise<unknown> {
    const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
    try {
      await client.connect();
      return await client.call(name, ...more);
    } finally {
      client.disconnect();
    }
  }

  return {
    ...server,
    url,
    command,
    async follow({ port }) {
      await command('replicaof', '127.0.0.1', `${port}`);
      await eventually(async () => {
        if (!String(await command('info', 'replication')).includes('master_link_status:up')) throw new Error('it is not in sync yet');
      });
    },
    async lead() {
      await command('replicaof', 'no', 'one');
    },
  };
}
