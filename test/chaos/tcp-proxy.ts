import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What passes from the server to the client. @returns what to pass on, or `cut` to break the connection instead. */
export type Inspect = (chunk: Buffer) => Buffer | 'cut';

/** A network between two parts, that can fail. */
export interface TcpProxy {
  readonly port: number;
  /** Breaks every connection there is; new ones are taken. */
  cut(): void;
  /** Nothing passes any more and nobody is told: as behind a switch that died. New connections hang too. */
  freeze(): void;
  /** Breaks every connection and refuses new ones. */
  refuse(): void;
  /** All as it was; connections that hung are broken, as the address is somebody else's by now. */
  heal(): void;
  /** Looks at what comes from the server, per connection, from now on. */
  inspect(make: (() => Inspect) | undefined): void;
  /** Connections that pass through at the moment. */
  connections(): number;
  close(): Promise<void>;
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let mode: 'open' | 'frozen' | 'refusing' = 'open';
  let inspector: (() => Inspect) | undefined;

  const server = createServer({ pauseOnConnect: true, noDelay: true }, (client) => {
    if (mode === 'refusing') return void client.resetAndDestroy();
    const upstream = connect({ port: target, host: '127.0.0.1', noDelay: true });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      if (mode !== 'frozen') for (const socket of pair) socket.resetAndDestroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    client.on('data', (chunk: Buffer) => {
      if (!upstream.write(chunk)) client.pause();
    });
    upstream.on('drain', () => mode === 'open' && client.resume());
    let look: Inspect | undefined;
    upstream.on('data', (chunk: Buffer) => {
      look ??= inspector?.();
      const passed = inspector === undefined || look === undefined ? chunk : look(chunk);
      if (passed === 'cut') end();
      else if (passed.length > 0 && !client.write(passed)) upstream.pause();
    });
    client.on('drain', () => mode === 'open' && upstream.resume());
    if (mode === 'frozen') upstream.pause();
    else client.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  function cut(): void {
    for (const [client, upstream] of [...pairs]) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
    pairs.clear();
  }

  return {
    port: (server.address() as AddressInfo).port,
    cut,
    freeze() {
      mode = 'frozen';
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    refuse() {
      mode = 'refusing';
      cut();
    },
    heal() {
      const hung = mode === 'frozen';
      mode = 'open';
      if (hung) cut();
    },
    inspect(make) {
      inspector = make;
    },
    connections: () => pairs.size,
    async close() {
      mode = 'refusing';
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}
