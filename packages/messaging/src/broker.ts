import type { Message } from './types.ts';

/** A message on its way out, and the services that its contract promises it to. */
export interface Outgoing {
  readonly message: Message;
  readonly subscribers: readonly string[];
}

/** Why a message was not carried. */
export interface Rejection {
  /** The message's id. */
  readonly id: string;
  /** `unroutable`: a declared subscriber cannot be reached; waits without counting. `refused`: counts towards parking. */
  readonly reason: 'unroutable' | 'refused';
  readonly detail: string;
}

/**
 * Takes what the bus delivered. Resolves once all of it is committed in the subscriber's inbox, and may see a message
 * again. When it throws, the messages are to come again later. An item is what the JSON held, or the text itself where
 * that was no JSON: the inbox keeps what it cannot read as a dead letter.
 */
export type Accept = (received: readonly unknown[]) => Promise<void>;

/** Listens without an inbox. Neither function may throw. */
export interface Observer {
  heard(message: Message): void;
  /** Something may have gone past: what was derived from `heard` is to be thrown away. */
  missed(): void;
}

/** The bus. An adapter carries messages and does nothing else: no retry, delay or dead letters of its own. */
export interface Broker {
  /**
   * Resolves when each message is durable at all of its subscribers or has a rejection. No two messages of one call
   * have the same key: the relay sends the next of a key when the one before was taken.
   * Settles in bounded time. @throws when the bus itself is away: the whole call is then made again.
   */
  publish(outgoing: readonly Outgoing[]): Promise<readonly Rejection[]>;
  /** Binds `subscriber` (a service's name) to message types. Several processes may bind the same one: each message goes to one of them. */
  subscribe(subscriber: string, types: readonly string[], accept: Accept): Promise<BrokerSubscription>;
  /**
   * Every process that observes hears every message of these types that the bus took, some of them twice. Best effort, for caches: nothing
   * is kept for who is away, and nothing comes from before.
   */
  observe(types: readonly string[], observer: Observer): Promise<BrokerSubscription>;
  health(): Promise<{ readonly ok: boolean; readonly detail?: string }>;
  close(): Promise<void>;
}

export interface BrokerSubscription {
  /** Stops deliveries and resolves when none is in hand. */
  stop(): Promise<void>;
}
