import { startTcpProxy } from '@stoa/service/testing';

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

const NOTHING = Buffer.alloc(0);

export async function startDeafProxy(serverPort: number): Promise<DeafProxy> {
  let holding = false;
  let heardHeld = Promise.withResolvers<void>();
  const proxy = await startTcpProxy(serverPort, () => (chunk) => {
    if (!holding) return chunk;
    // A heartbeat (type 8) is no answer.
    if (chunk[0] !== 8) heardHeld.resolve();
    return NOTHING;
  });
  return {
    port: proxy.port,
    holdAnswers() {
      holding = true;
      heardHeld = Promise.withResolvers();
    },
    held: () => heardHeld.promise,
    cut() {
      holding = false;
      proxy.cut();
    },
    [Symbol.asyncDispose]: () => proxy.close(),
  };
}
