import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** One address in front of several, byte by byte: connections go to each in turn, and skip one that refuses them. */
export async function startBalancer(port: number, targets: readonly string[]): Promise<{ close(): Promise<void> }> {
  let turn = 0;
  const open = new Set<Socket>();
  const remember = (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  };
  const reach = (client: Socket, triesLeft: number) => {
    const [host, targetPort] = (targets[turn++ % targets.length] as string).split(':') as [string, string];
    const upstream = connect({ host, port: Number(targetPort), allowHalfOpen: true });
    remember(upstream);
    upstream.once('connect', () => {
      upstream.removeAllListeners('error');
      upstream.on('error', () => client.destroy());
      upstream.once('close', () => client.destroy());
      client.once('close', () => upstream.destroy());
      client.pipe(upstream).pipe(client);
    });
    upstream.once('error', () => (triesLeft > 0 ? reach(client, triesLeft - 1) : client.destroy()));
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    remember(client);
    client.on('error', () => client.destroy());
    reach(client, targets.length - 1);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    async close() {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, 'close');
    },
  };
}
