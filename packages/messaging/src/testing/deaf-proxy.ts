import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A network to a server, on the way back of which answers can be held. */
export interface DeafProxy extends AsyncDisposable {
  readonly port: number;
  /** What the server says from now on does not arrive; what it is told does. */
  holdAnswers(): void;
  /** Resolves when the server said something that is held. */
  held(): Promise<void>;
  /** Breaks every connection, with what was held, and lets new ones through. */
  cut(): void;
}

export async function startDeafProxy(serverPort: number): Promise<DeafProxy> {
  const sockets = new Set<Socket>();
  let holding = false;
  let heardHeld = Promise.withResolvers<void>();

  const proxy = createServer((client) => {
    const server = connect(serverPort, '127.0.0.1');
    const end = () => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', end).on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on('data', (chunk) => server.write(chunk));
    server.on('data', (chunk) => {
      if (!holding) client.write(chunk);
      // A heartbeat (type 8) is no answer.
      else if (chunk[0] !== 8) heardHeld.resolve();
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');

  const cut = (): void => {
    holding = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    holdAnswers() {
      holding = true;
      heardHeld = Promise.withResolvers();
    },
    held: () => heardHeld.promise,
    cut,
    async [Symbol.asyncDispose]() {
      const closed = once(proxy, 'close');
      proxy.close();
      cut();
      await closed;
    },
  };
}
