import { once } from 'node:events';
import { createServer } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { StartProblem } from './start-problem.ts';

/** Finds out before anything else starts whether the address can be had. */
export async function assertPortFree(port: number, host: string): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw portProblem(error, port, host);
  } finally {
    server.close();
  }
}

/** Opens the port. @returns the port, which is a chosen one where 0 was asked for. */
export async function listen(http: FastifyInstance, port: number, host: string): Promise<number> {
  try {
    await http.listen({ port, host });
  } catch (error) {
    throw portProblem(error, port, host);
  }
  const address = http.server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
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
