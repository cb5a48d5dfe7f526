import { databaseErrors } from '@stoa/postgres';
import { type Clock, createContext, currentContext } from '@stoa/service';
import type { Transaction } from 'kysely';
import { VersionConflict } from './errors.ts';
import { type EventRows, insertEvents, type NewEvent } from './event-rows.ts';
import { takeTurn } from './locks.ts';
import type { StreamKeys } from './stream-keys.ts';
import type { Aggregate, DomainEvent, EventMetadata, LoadedStream, Projection, RecordedEvent, Streams } from './types.ts';
import type { Upcasting } from './upcasters.ts';

/** As for an event of the outbox. Larger data are stored elsewhere. */
const MOST_BYTES = 1024 * 1024;
/** After the first conflict retries go one after the other: further conflicts come only from first attempts. */
const ATTEMPTS = 10;

export interface StreamsOptions<E extends DomainEvent, Tables> {
  readonly rows: EventRows<E>;
  readonly keys: StreamKeys;
  readonly upcasting: Upcasting;
  readonly projections: readonly Projection<E, Tables>[];
  readonly clock: Clock;
}

export function createStreams<State, Own extends E, E extends DomainEvent, Tables>(
  tx: Transaction<Tables>,
  { initialState, evolve }: Aggregate<State, Own>,
  { rows, keys, upcasting, projections, clock }: StreamsOptions<E, Tables>,
): Streams<State, Own> {
  async function load(stream: string, known: LoadedStream<State> = { state: initialState(), version: 0 }): Promise<LoadedStream<State>> {
    let { state, version } = known;
    for (let more = true; more; ) {
      const batch = await rows.ofStream(tx, stream, version);
      state = (batch.events as unknown as readonly RecordedEvent<Own>[]).reduce(evolve, state);
      version = batch.events.at(-1)?.version ?? version;
      more = batch.more;
    }
    return { state, version };
  }

  async function append(stream: string, expectedVersion: number, events: readonly Own[], given: EventMetadata = {}) {
    if (events.length === 0) return [];
    const { correlationId, traceparent } = currentContext() ?? createContext();
    const metadata = { ...given, correlationId, traceparent };
    const recordedAt = clock.now();
    const added = await seal(stream, events);
    const positions = await insertEvents(tx, stream, expectedVersion, added, JSON.stringify(metadata), recordedAt);
    if (positions.length === 0) throw new VersionConflict(stream, expectedVersion);
    // As a later reader gets it: what JSON does not hold, as a `Date`, is not there in a projection or state of today either.
    const recorded = added.map(({ type, eventVersion, json, sealed }, index) => ({
      ...{ type, eventVersion, data: JSON.parse(json), stream, version: expectedVersion + index + 1, position: positions[index] },
      ...{ recordedAt, metadata, sealed },
    })) as unknown as readonly (RecordedEvent<Own> & RecordedEvent<E>)[];
    for (const projection of projections) await projection.project(tx, recorded);
    return recorded;
  }

  /** Without a key what is personal is left out: nobody could read it. */
  async function seal(stream: string, events: readonly Own[]): Promise<NewEvent[]> {
    const sealing = events.some(({ personal }) => personal !== undefined) ? await keys.forSealing(tx, stream) : undefined;
    return events.map(({ type, data, personal }) => {
      const json = JSON.stringify(data);
      const plain = personal === undefined ? undefined : Buffer.from(JSON.stringify(personal));
      const bytes = Buffer.byteLength(json) + (plain?.length ?? 0);
      if (bytes > MOST_BYTES) throw new RangeError(`an event ${type} has ${bytes} bytes, and may have ${MOST_BYTES}`);
      const sealed = plain === undefined ? null : (sealing?.seal(plain, stream) ?? null);
      return { type, eventVersion: upcasting.versionOf(type), json, sealed };
    });
  }

  return {
    append,
    load: (stream) => load(stream),
    async handle(stream, decide, { expectedVersion, metadata } = {}) {
      let loaded = await load(stream);
      for (let attempt = 1; ; attempt += 1) {
        if (expectedVersion !== undefined && loaded.version !== expectedVersion) throw new VersionConflict(stream, expectedVersion);
        try {
          const events = await append(stream, loaded.version, [decide(loaded.state)].flat() as Own[], metadata);
          return { state: events.reduce(evolve, loaded.state), version: loaded.version + events.length, events };
        } catch (error) {
          if (!(error instanceof VersionConflict)) throw error;
          if (attempt === ATTEMPTS) throw databaseErrors.database_busy({ retryAfterSeconds: 1, cause: error });
        }
        await takeTurn(tx, stream);
        loaded = await load(stream, loaded);
      }
    },
  };
}
