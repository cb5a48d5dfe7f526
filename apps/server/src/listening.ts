import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { StartProblem } from './start-problem.ts';

/** A port that is available to this process. */
export interface Port {
  readonly number: number;
  /** Call just before it is opened. */
  release(): Promise<void>;
}

/**
 * Checks before anything else starts whether the address is available. For port 0 it takes a free port, and holds it, so
 * that no other program gets it meanwhile.
 */
export async function findPort(wanted: number, host: string): Promise<Port> {
  const server = createServer();
  const release = async () => {
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  try {
    server.listen(wanted, host);
    await once(server, 'listening');
  } catch (error) {
    throw portProblem(error, wanted, host);
  }
  server.unref();
  if (wanted === 0) return { number: (server.address() as AddressInfo).port, release };
  // Connections before all is ready are to be refused, not to wait.
  await release();
  return { number: wanted, release };
}

export async function listen(http: FastifyInstance, port: Port, host: string): Promise<void> {
  await port.release();
  try {
    await http.listen({ port: port.number, host });
  } catch (error) {
    throw portProblem(error, port.number, host);
  }
}

function portProblem(error: unknown, port: number, host: string): unknown {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new StartProblem(
        `Port ${port} on ${host} is taken by another program.`,
        `Choose another: npm start -- --port ${port === 65_535 ? 3000 : port + 1}`,
        69,
      );
    case 'EACCES':
      return new StartProblem(`This user may not open port ${port}.`, 'Choose one above 1023: npm start -- --port 3000', 77);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EINVAL':
      return new StartProblem(
        `HOST=${host} is not an address of this machine.`,
        'Use 127.0.0.1 for this machine alone or 0.0.0.0 for all of its networks.',
      );
    default:
      return error;
  }
}

/** The host to print: one that a browser on this machine can open. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
