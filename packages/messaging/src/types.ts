import type { Transaction } from 'kysely';
import type { Static, TSchema } from 'typebox';

/**
 * A published event as its contract declares it. `contracts/` builds these as plain objects; `Data` is inferred from
 * the same schema that validates at run time.
 */
export interface EventContract<Schema extends TSchema = TSchema> {
  /** Past tense, kebab-case: `activation-requested`. Also the routing key's last part. */
  readonly name: string;
  readonly version: number;
  /** The publishing service. */
  readonly source: string;
  readonly description: string;
  readonly schema: Schema;
  readonly example: Static<Schema>;
  /** The id of the aggregate the event belongs to: events with the same key keep their order. */
  readonly key: (data: Static<Schema>) => string;
  /** The services that must receive it, at least one; from `contracts/src/routes.ts`. */
  readonly subscribers: readonly [string, ...string[]];
}

/** What travels on the bus, whatever the broker. All fields are JSON. */
export interface Message {
  /** UUIDv7, made when the event was appended; the same in every copy. */
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly source: string;
  readonly key: string;
  /** ISO 8601 UTC. */
  readonly occurredAt: string;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly data: unknown;
}

/** What became of one message of a batch: `undefined` = every subscriber has it durably. */
export interface Rejection {
  readonly id: string;
  /** `unroutable`: a declared subscriber is not bound; waits without counting. `refused`: counts towards parking. */
  readonly reason: 'unroutable' | 'refused';
  readonly detail: string;
}

/** The bus. An adapter carries messages and does nothing else: no retry, delay or dead letters of its own. */
export interface Broker {
  /**
   * Resolves when every message is durable at all its subscribers or has a rejection.
   * @throws when the broker itself is away: the whole batch is then to be sent again.
   */
  publish(messages: readonly Message[]): Promise<readonly Rejection[]>;
  /**
   * Binds `subscriber` (a service's name) to message types. `accept` resolves once the messages are committed in the
   * subscriber's inbox, and may see a message again. When it throws, the messages come again later.
   */
  subscribe(subscriber: string, types: readonly string[], accept: (messages: readonly Message[]) => Promise<void>): Promise<BrokerSubscription>;
  health(): Promise<{ readonly ok: boolean; readonly detail?: string }>;
  close(): Promise<void>;
}

export interface BrokerSubscription {
  /** Stops deliveries and resolves when none is in hand. */
  stop(): Promise<void>;
}

/** Takes one event. The effect and the mark that it was handled commit together on `tx`. */
export interface Consumer<Schema = unknown> {
  /** Unique in the service, stable for ever: `on-activation-requested`. */
  readonly name: string;
  readonly event: EventContract;
  /** Events with the same key one after the other, in the order they were appended. */
  readonly ordered?: boolean;
  handle(tx: Transaction<Schema>, data: unknown, message: Message): Promise<void>;
}

/** Work of the service's own, enqueued on a transaction and run later; the same table, retries and dead letters as events. */
export interface Job<Schema = unknown, Data extends TSchema = TSchema> {
  readonly name: string;
  readonly data: Data;
  handle(tx: Transaction<Schema>, data: Static<Data>): Promise<void>;
}

/** Enqueues `job` every `everySeconds`, once over all processes. */
export interface Cron {
  readonly job: string;
  readonly everySeconds: number;
}

/** The outbox of one transaction: what is appended is published if, and only if, the transaction commits. */
export interface Outbox {
  append<S extends TSchema>(event: EventContract<S>, data: Static<S>): Promise<void>;
}

export interface Jobs {
  /** `id` makes the enqueueing idempotent (UUID); `runAt` defaults to now. */
  enqueue<D extends TSchema>(job: { readonly name: string; readonly data: D }, data: Static<D>, options?: { runAt?: Date; id?: string }): Promise<void>;
}
