import type { Message } from './types.ts';

/** A message on its way out, and the services that it is to reach. */
export interface Outgoing {
  readonly message: Message;
  /** Those of its contract, or those of them that have not had it yet; none for what is only observed. */
  readonly subscribers: readonly string[];
  /** Set when it was published before: observers have received it. */
  readonly isRepeat?: boolean;
}

/** Why a message was not carried to a subscriber. */
export interface Rejection {
  /** The message's id. */
  readonly id: string;
  readonly subscriber: string;
  /** `unroutable`: the subscriber cannot be reached or does not take it; waits without counting. `refused`: counts towards parking. */
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
  onMessage(message: Message): void;
  /** Messages may have been missed: what was derived from messages is to be thrown away. */
  onMissed(): void;
}

/** The bus. An adapter carries messages and does nothing else: no retry, delay or dead letters of its own. */
export interface Broker {
  /**
   * Resolves when each message is durable at each of its subscribers or has a rejection for that one: a subscriber that does not take its
   * messages takes nothing from the others. No two messages of one call have the same key at the same subscriber: the relay
   * sends the next of a key when the one before was taken.
   * Settles in bounded time. @throws when the bus itself is away: the whole call is then made again.
   */
  publish(outgoing: readonly Outgoing[]): Promise<readonly Rejection[]>;
  /** Binds `subscriber` (a service's name) to message types. Several processes may bind the same one: each message goes to one of them. */
  subscribe(subscriber: string, types: readonly string[], accept: Accept): Promise<BrokerSubscription>;
  /**
   * Every observing process receives every message of these types that was published, some of them twice, whether its subscribers took it
   * or not. Best effort, for caches: nothing is kept for absent observers, and nothing comes from before.
   */
  observe(types: readonly string[], observer: Observer): Promise<BrokerSubscription>;
  health(): Promise<{ readonly ok: boolean; readonly detail?: string }>;
  close(): Promise<void>;
}

export interface BrokerSubscription {
  /** Stops deliveries and resolves when none is in progress. */
  stop(): Promise<void>;
}
