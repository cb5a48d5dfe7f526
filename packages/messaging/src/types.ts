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
  /** The publishing service; `any-service` for an event that whichever service publishes. */
  readonly source: string;
  readonly description: string;
  readonly schema: Schema;
  readonly example: Static<Schema>;
  /** The id of the aggregate the event belongs to: events with the same key keep their order. */
  key(data: Static<Schema>): string;
  /** The services that must receive it; none for one that is only observed. From `contracts/src/routes.ts`. */
  readonly subscribers: readonly string[];
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
  /** As it came to the edge, where a client sent one. */
  readonly tracestate?: string;
  readonly data: unknown;
}

/** An earlier version of an event, for a consumer that handles the present one. */
export interface EarlierEvent {
  readonly event: EventContract;
  upcast(data: never): unknown;
}

/** An earlier version of a job's data. */
export interface EarlierJob {
  readonly version: number;
  readonly data: TSchema;
  upcast(data: never): unknown;
}

/** Takes one event. The effect and the mark that it was handled commit together on `tx`. */
export interface Consumer<Schema = unknown> {
  /** Unique in the service, stable for ever: `on-activation-requested`. */
  readonly name: string;
  readonly event: EventContract;
  /**
   * Versions of the event that are still under way, each with what makes the data of `event` of theirs. An update begins with a version that takes
   * the new one beside the old; a message of a version that this copy does not take waits for a copy that does.
   */
  readonly earlier?: readonly EarlierEvent[];
  /** Events with the same key one after the other, in the order they were appended. A dead one no longer holds up its key. */
  readonly ordered?: boolean;
  /**
   * Rows that one transaction handles at most, `inboxBatch` of the settings by default. Their locks are held until it commits, so a consumer
   * that locks what requests or other consumers want says 1.
   */
  readonly batch?: number;
  /** @throws PermanentError when a repeat cannot help: the message is dead at once. Any other error is tried again. */
  handle(tx: Transaction<Schema>, data: unknown, message: Message): Promise<void>;
}

/** Work of the service's own, enqueued on a transaction and run later; the same table, retries and dead letters as events. */
export interface Job<Schema = unknown, Data extends TSchema = TSchema> {
  readonly name: string;
  /** Names that it had before: what was enqueued under them is handled too, and a cron of such a name ends. */
  readonly formerNames?: readonly string[];
  /** From 1, and one more with each change of `data` that a copy of the version before could not handle. */
  readonly version?: number;
  readonly data: Data;
  /** As for a consumer. */
  readonly earlier?: readonly EarlierJob[];
  /** As for a consumer. */
  readonly batch?: number;
  /** @returns `more` when there is more to do: the job is enqueued once more, with the same data, and each run is a transaction of its own. */
  handle(tx: Transaction<Schema>, data: Static<Data>): Promise<void> | Promise<'more' | undefined>;
}

/** Enqueues `job`, with `{}` as its data, every `everySeconds`, once over all processes. */
export interface Cron {
  readonly job: string;
  readonly everySeconds: number;
}

/** The outbox of one transaction: what is appended is published if, and only if, the transaction commits. */
export interface Outbox {
  /** @throws TypeError when `data` does not fit the contract's schema, RangeError when it is larger than 1 MiB: faults of the caller. */
  append<S extends TSchema>(event: EventContract<S>, data: Static<S>): Promise<void>;
}

export interface Jobs {
  /** `id` makes the enqueueing idempotent (UUID); `runAt` defaults to now. @throws TypeError when `data` does not fit the job's schema. */
  enqueue<D extends TSchema>(
    job: { readonly name: string; readonly version?: number; readonly data: D },
    data: Static<D>,
    options?: { runAt?: Date; id?: string },
  ): Promise<void>;
}

/** Thrown by a handler that knows that a repeat cannot help. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
}

/** Thrown for a message that this copy cannot take and another might: it waits, and is dead when its tries are over. */
export class MisfitError extends Error {
  override readonly name = 'MisfitError';
}

/** Declares a consumer; the type of `data` comes from the event's schema. */
export function consumer<Schema, S extends TSchema>(definition: {
  readonly name: string;
  readonly event: EventContract<S>;
  readonly earlier?: readonly EarlierEvent[];
  readonly ordered?: boolean;
  readonly batch?: number;
  handle(tx: Transaction<Schema>, data: Static<S>, message: Message): Promise<void>;
}): Consumer<Schema> {
  return definition as Consumer<Schema>;
}

/** Declares a job; the type of `data` comes from its schema. */
export const job = <Schema, D extends TSchema>(definition: Job<Schema, D>): Job<Schema, D> => definition;
