import { type OwnServer, startOwnServer } from '@stoa/service/testing';

/** A Redis of a test's own. What it holds is lost with a restart. */
export interface RedisServer extends OwnServer {
  readonly url: string;
}

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
      args: ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no', ...args(port)],
    }),
  });
  return { ...server, url: `redis://127.0.0.1:${server.port}` };
}
