import { type Logger, pause } from '@stoa/service';
import { clearLeftovers } from './leftovers.ts';
import { type ServerProcess, type ServerProcessOptions, startServer } from './server-process.ts';

/** Between the end of a server and its next start, so that one that ends at once does not fill the log. */
const RESTART_PAUSE_MS = 500;

/**
 * A server that is started again, on the same port, when it ends without having been stopped: killed for its memory, say.
 * Connections are lost then, committed data is not. A server that cannot be started again is given up and logged.
 */
export async function startSupervisedServer(options: ServerProcessOptions, log: Logger): Promise<Pick<ServerProcess, 'port' | 'stop'>> {
  const stopping = new AbortController();
  let server = await startServer(options);
  const { port } = server;

  async function keepRunning(): Promise<void> {
    for (;;) {
      const output = await server.exited;
      if (stopping.signal.aborted) return;
      log.error({ output: output.slice(-2_000) }, 'the embedded Postgres ended by itself and is started again');
      await pause(RESTART_PAUSE_MS, stopping.signal);
      if (stopping.signal.aborted) return;
      await clearLeftovers(options.directory, (message) => log.info(message));
      server = await startServer({ ...options, choosePort: async () => port });
      if (stopping.signal.aborted) await server.stop();
    }
  }
  const running = keepRunning().catch((error: unknown) => log.fatal({ err: error }, 'the embedded Postgres cannot be started again'));

  return {
    port,
    async stop() {
      stopping.abort();
      await server.stop();
      await running;
    },
  };
}
