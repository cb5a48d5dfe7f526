import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * What passes from the server to the client. @returns what to pass on, `cut` to break the connection instead, or `hang`: this and
 * everything after it does not pass, and neither side is notified.
 */
export type Inspect = (chunk: Buffer) => Buffer | 'cut' | 'hang';

/** A network between two parts, that can fail. */
export interface TcpProxy {
  readonly port: number;
  /** Breaks every connection there is; new ones are taken. */
  cut(): void;
  /** Nothing passes on the existing connections any more, and neither side is notified. New ones are as always. */
  hang(): void;
  /** As `hang`, and new connections hang too: as behind a switch that died. */
  freeze(): void;
  /** Breaks every connection and refuses new ones. */
  refuse(): void;
  /** All as it was; connections that hang are broken. */
  heal(): void;
  close(): Promise<void>;
}

/** @param inspector makes what looks at the answers of one connection. */
export async function startTcpProxy(target: number, inspector: () => Inspect = () => (chunk) => chunk): Promise<TcpProxy> {
  type Pair = readonly [client: Socket, upstream: Socket];
  const pairs = new Set<Pair>();
  const hanging = new Set<Pair>();
  let mode: 'open' | 'frozen' | 'refusing' = 'open';

  function hangUp(pair: Pair): void {
    hanging.add(pair);
    for (const socket of pair) socket.pause();
  }

  const server = createServer({ pauseOnConnect: true, noDelay: true }, (client) => {
    if (mode === 'refusing') return void client.resetAndDestroy();
    const upstream = connect({ port: target, host: '127.0.0.1', noDelay: true });
    const pair: Pair = [client, upstream];
    pairs.add(pair);
    // A hanging peer learns nothing of the other's end either.
    const end = () => {
      if (!hanging.has(pair)) cut(new Set([pair]));
    };
    const pass = (from: Socket, to: Socket, look: Inspect) => {
      from.on('data', (chunk: Buffer) => {
        const passed = look(chunk);
        if (passed === 'cut') end();
        else if (passed === 'hang') hangUp(pair);
        else if (passed.length > 0 && !to.write(passed)) from.pause();
      });
      to.on('drain', () => !hanging.has(pair) && from.resume());
      from.on('end', () => !hanging.has(pair) && to.end());
      from.on('error', end);
      from.on('close', () => to.destroyed && !hanging.has(pair) && pairs.delete(pair));
    };
    pass(client, upstream, (chunk) => chunk);
    pass(upstream, client, inspector());
    if (mode === 'frozen') hangUp(pair);
    else client.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  function cut(which: ReadonlySet<Pair> = pairs): void {
    for (const pair of [...which]) {
      pairs.delete(pair);
      hanging.delete(pair);
      for (const socket of pair) socket.resetAndDestroy();
    }
  }

  function hang(): void {
    for (const pair of pairs) hangUp(pair);
  }

  return {
    port: (server.address() as AddressInfo).port,
    cut: () => cut(),
    hang,
    freeze() {
      mode = 'frozen';
      hang();
    },
    refuse() {
      mode = 'refusing';
      cut();
    },
    heal() {
      mode = 'open';
      cut(hanging);
    },
    async close() {
      mode = 'refusing';
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}
