import type { Transaction } from 'kysely';

/** What happened to one thing. All of it is JSON. */
export interface DomainEvent {
  /** Past tense, kebab-case: `order-placed`. Stored with every event: it never changes. */
  readonly type: string;
  readonly data: object;
  /** What is about a person: sealed with the key of the stream, and kept from `evolve`, so that decisions outlive the key. */
  readonly personal?: object;
}

/** An event as decisions see it. */
export type PlainEvent<E extends DomainEvent> = E extends DomainEvent ? Pick<E, 'type' | 'data'> : never;

/** The actor, for example; the store adds the correlation id and the trace. JSON. */
export type EventMetadata = Readonly<Record<string, unknown>>;

export type RecordedEvent<E extends DomainEvent> = PlainEvent<E> & {
  /** Of its type, as it was stored: `data` is brought up to date, what is sealed has the form of this version. */
  readonly eventVersion: number;
  readonly stream: string;
  /** 1, 2, 3 … of the stream. */
  readonly version: number;
  /** Grows over all streams, with gaps. */
  readonly position: number;
  readonly recordedAt: Date;
  readonly metadata: EventMetadata;
  /** What was `personal`; `EventStore.open` reads it. */
  readonly sealed: Buffer | null;
};

/** How the state of one kind of thing follows from its events. Pure. */
export interface Aggregate<State, E extends DomainEvent> {
  initialState(): State;
  evolve(state: State, event: PlainEvent<E>): State;
}

/** An aggregate with what may be asked of it. Pure. */
export interface Decider<State, Command, E extends DomainEvent> extends Aggregate<State, E> {
  /** @returns what happens, nothing perhaps. @throws AppError when the command is refused. */
  decide(state: State, command: Command): E | readonly E[];
}

/** Tables made of events, on the transaction that appends them. */
export interface Projection<E extends DomainEvent, Tables> {
  readonly name: string;
  /** One more with each change of what `project` writes: a rebuild that another version has begun begins anew. */
  readonly version: number;
  /** The tables that it writes, and nobody else does. A rebuild fills others beside them, and swaps. */
  readonly tables: readonly string[];
  /**
   * Takes events in the order of their positions, each once: those of one append, and in a rebuild many at a time. Names its tables without
   * a schema, as a rebuild means others by them, and reads no other table that changes.
   */
  project(tx: Transaction<Tables>, events: readonly RecordedEvent<E>[]): Promise<void>;
}

export interface LoadedStream<State> {
  readonly state: State;
  /** Of the last event; 0 for a stream that has none. */
  readonly version: number;
}

export interface Handled<State, E extends DomainEvent> extends LoadedStream<State> {
  /** Those that were appended. */
  readonly events: readonly RecordedEvent<E>[];
}

/** The streams of one kind of thing, on one transaction. */
export interface Streams<State, E extends DomainEvent> {
  /**
   * @param expectedVersion of the last event that the caller knows; 0 for a stream that must not be there.
   * @throws VersionConflict when it is not the last one, with nothing appended: the transaction may go on. RangeError for an event beyond 1 MiB.
   */
  append(stream: string, expectedVersion: number, events: readonly E[], metadata?: EventMetadata): Promise<readonly RecordedEvent<E>[]>;
  load(stream: string): Promise<LoadedStream<State>>;
  /**
   * Loads, decides, appends. When another transaction appended first it decides anew, on the new state. Append to the outbox after it, so
   * that the order of the outbox is that of the stream. Several streams in one transaction: always in the same order, or two may wait for each other.
   * @param decide pure, as it may run more than once; whatever it throws passes on.
   * @throws VersionConflict when the stream is not at `expectedVersion`; `database_busy` when others were faster each time.
   */
  handle(
    stream: string,
    decide: (state: State) => E | readonly E[],
    options?: { readonly expectedVersion?: number; readonly metadata?: EventMetadata },
  ): Promise<Handled<State, E>>;
}
