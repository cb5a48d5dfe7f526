import { startTcpProxy } from '@stoa/service/testing';

/** A network to a server, on the way back of which answers can be held. */
export interface DeafProxy extends AsyncDisposable {
  readonly port: number;
  /** What the server sends from now on does not arrive; what is sent to it does. */
  holdAnswers(): void;
  /** Resolves when the server sent something that is held. */
  held(): Promise<void>;
  /** Breaks every connection, with what was held, and lets new ones through. */
  cut(): void;
}

const NOTHING = Buffer.alloc(0);

export async function startDeafProxy(serverPort: number): Promise<DeafProxy> {
  let holding = false;
  let heldArrived = Promise.withResolvers<void>();
  const proxy = await startTcpProxy(serverPort, () => (chunk) => {
    if (!holding) return chunk;
    // A heartbeat (type 8) is no answer.
    if (chunk[0] !== 8) heldArrived.resolve();
    return NOTHING;
  });
  return {
    port: proxy.port,
    holdAnswers() {
      holding = true;
      heldArrived = Promise.withResolvers();
    },
    held: () => heldArrived.promise,
    cut() {
      holding = false;
      proxy.cut();
    },
    [Symbol.asyncDispose]: () => proxy.close(),
  };
}
