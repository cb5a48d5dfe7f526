import type { Socket } from 'node:net';
import { type Logger, withTimeout } from '@stoa/service';
import { type Channel, Connection } from 'rabbitmq-client';

/** What the server takes at most by default; a large message then takes few frames. */
const FRAME_BYTES = 131_072;
/** A connection sends a heartbeat twice in this time, and is given up after twice this time without a sign. */
const HEARTBEAT_SECONDS = 5;
const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT = { retryLow: 250, retryHigh: 5_000 };
/** A server that is well answers within milliseconds. */
const ANSWER_TIMEOUT_MS = 5_000;
/** After this the rest of a graceful close is left out. */
const CLOSE_TIMEOUT_MS = 5_000;
/** What a message has around its body, at most in all likelihood. */
const FRAMING_BYTES = 512;

/** A connection that comes back by itself; channels do not, see `openSelfHealingChannel`. */
export interface RabbitConnection {
  /** @throws at once when the server is away or has blocked this connection. */
  channel(): Promise<Channel>;
  /** @throws when the server is away or has blocked this connection; not while it is connected for the first time. */
  expectWell(): void;
  /** Why nothing goes through at the moment. */
  trouble(): string | undefined;
  /** Calls `listener` when the server blocks this connection or it is lost. @returns a function that ends that. */
  onTrouble(listener: (error: Error) => void): () => void;
  /**
   * Runs `work`, and has what it writes leave together, as far as the socket's buffer goes: `work` announces before each message how many
   * bytes it has.
   */
  together<T>(work: (bytes: (count: number) => void) => T): T;
  close(): Promise<void>;
}

export function connectRabbit({ url, log, name }: { readonly url: string; readonly log: Logger; readonly name: string }): RabbitConnection {
  const client = new Connection({
    ...{ url, connectionName: name, frameMax: FRAME_BYTES, heartbeat: HEARTBEAT_SECONDS, noDelay: true, ...RECONNECT },
    ...{ acquireTimeout: CONNECT_TIMEOUT_MS, connectionTimeout: CONNECT_TIMEOUT_MS },
  });
  const listeners = new Set<(error: Error) => void>();
  let problem: string | undefined;
  let closing = false;

  const fail = (detail: string): void => {
    problem = detail;
    for (const listener of listeners) listener(new Error(detail));
  };
  client.on('connection', () => {
    if (problem !== undefined) log.info({ connection: name }, 'RabbitMQ is connected again');
    problem = undefined;
  });
  client.on('error', (error: Error) => {
    // The client reports faults of channels here too.
    if (client.ready || closing) return;
    if (problem === undefined) log.warn({ err: error, connection: name }, 'RabbitMQ is away, will connect when it is back');
    fail(`RabbitMQ is away: ${error.message}`);
  });
  client.on('connection.blocked', (reason: string) => {
    log.warn({ connection: name, reason }, 'RabbitMQ takes nothing at the moment');
    fail(`RabbitMQ takes nothing: ${reason}`);
  });
  client.on('connection.unblocked', () => {
    log.info({ connection: name }, 'RabbitMQ takes messages again');
    problem = undefined;
  });

  const expectWell = (): void => {
    if (problem !== undefined) throw new Error(problem);
  };

  return {
    expectWell,
    async channel() {
      expectWell();
      const { promise: failed, reject } = Promise.withResolvers<never>();
      listeners.add(reject);
      const acquired = client.acquire({ emitErrorsFromChannel: true });
      try {
        return await Promise.race([acquired, failed]);
      } catch (error) {
        acquired.then(discard, () => {});
        throw error;
      } finally {
        listeners.delete(reject);
      }
    },
    trouble: () => problem ?? (client.ready ? undefined : 'RabbitMQ is not connected yet'),
    onTrouble(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    together(work) {
      const socket = socketOf(client);
      if (socket === undefined) return work(() => {});
      const room = socket.writableHighWaterMark;
      let taken = 0;
      const tell = (count: number): void => {
        taken += count + FRAMING_BYTES;
        if (taken < room) return;
        socket.uncork();
        socket.cork();
        taken = count + FRAMING_BYTES;
      };
      socket.cork();
      try {
        return work(tell);
      } finally {
        socket.uncork();
      }
    },
    async close() {
      closing = true;
      await withinCloseLimit(client.close());
      client.unsafeDestroy();
    },
  };
}

/**
 * The client writes each message by itself and has no call for several at once, so this uses the client's private socket:
 * the writes were a third of what publishing costs, here and at the server. Without it all goes as before, only slower.
 */
const socketOf = (client: Connection): Socket | undefined => (client as unknown as { _socket?: Socket })._socket;

/** Does `work` on a channel of its own. @throws at once when the server is away or blocks the connection, and when it does not answer. */
export async function withChannel<T>(connection: RabbitConnection, work: (channel: Channel) => Promise<T>): Promise<T> {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  const forget = connection.onTrouble(reject);
  const late = () => {
    throw new Error(`RabbitMQ did not answer within ${ANSWER_TIMEOUT_MS} ms`);
  };
  const opening = connection.channel();
  try {
    const done = opening.then((channel) => {
      channel.on('error', reject);
      return work(channel);
    });
    return await withTimeout(Promise.race([done, failed]), ANSWER_TIMEOUT_MS, late);
  } finally {
    forget();
    opening.then(discard).catch(() => {});
  }
}

/** Closes a channel that nobody waits for any more. */
export function discard(channel: Channel): void {
  channel.close().catch(() => {});
}

/** A server that does not answer must not hold up our shutdown. */
export async function withinCloseLimit(work: Promise<unknown>): Promise<void> {
  await withTimeout(
    work.catch(() => {}),
    CLOSE_TIMEOUT_MS,
    () => {},
  );
}
