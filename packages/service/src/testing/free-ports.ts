import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/**
 * Below those that the system hands out (Linux: from 32768, others: from 49152), so that none of them is some other process's before it
 * is used; above those that servers have by custom.
 */
const [LOWEST, HIGHEST] = [16_000, 32_000];
const TRIES = 100;

/** Ports of this machine that nobody listens on, each another one. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: [number, Server][] = [];
  for (let tries = 0; servers.length < count; tries += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EADDRINUSE' || tries >= TRIES) throw error;
        return false;
      },
    );
    if (isFree) servers.push([port, server]);
  }
  for (const [, server] of servers) server.close();
  await Promise.all(servers.map(([, server]) => once(server, 'close')));
  return servers.map(([port]) => port);
}

export const freePort = async (): Promise<number> => (await freePorts(1))[0] as number;
