import type { Database, MigrationSource } from '@stoa/postgres';
import type { Clock, DeriveKey } from '@stoa/service';
import type { Kysely, Transaction } from 'kysely';
import { createEventRows, type Limit } from './event-rows.ts';
import { settledPosition } from './locks.ts';
import { type RebuildOptions, rebuildProjection } from './rebuild.ts';
import { createStreamKeys, type SealedOf } from './stream-keys.ts';
import { createStreams } from './streams.ts';
import type { Aggregate, DomainEvent, Projection, RecordedEvent, Streams } from './types.ts';
import { createUpcasting, type Upcasters } from './upcasters.ts';

/** What a read brings into memory at a time. */
const LIMIT: Limit = { events: 1_000, bytes: 4 * 1024 * 1024 };

/** The tables of streams, which come before a service's own. */
export const eventStoreMigrations: MigrationSource = { name: 'event-store', directory: new URL('../migrations/', import.meta.url) };

export interface EventStoreOptions<E extends DomainEvent, Tables> {
  /** All events of the service. */
  readonly upcasters: Upcasters<E>;
  /** Filled on the transaction of each append. */
  readonly projections?: readonly Projection<E, Tables>[];
  readonly derive: DeriveKey;
  readonly clock: Clock;
  readonly limit?: Limit;
}

export interface EventStore<E extends DomainEvent, Tables> {
  /** The streams of one kind of thing, on the service's own transaction. Where there are several kinds, name one: `on<Cart, CartEvent>`. */
  on<State, Own extends E = E>(tx: Transaction<Tables>, aggregate: Aggregate<State, NoInfer<Own>>): Streams<State, Own>;
  /** The events of a stream behind `after` (0), in their order, up to `limit` or 1,000, and 4 MiB: none when there are no more. */
  read(
    db: Kysely<Tables>,
    stream: string,
    options?: { readonly after?: number; readonly limit?: number },
  ): Promise<readonly RecordedEvent<E>[]>;
  /**
   * All events behind a position, in the order of positions, up to the last that is there now; waits for open appends, so that an event
   * that commits late is not passed over. A reader goes on from the position of the last one. @returns batches as of `read`.
   */
  readAll(db: Kysely<Tables>, options?: { readonly after?: number }): AsyncGenerator<readonly RecordedEvent<E>[]>;
  /** What was personal in each, in their order: `null` where nothing was, or the key is destroyed. The caller says what it is. */
  open<Personal>(db: Kysely<Tables>, items: readonly SealedOf[]): Promise<(Personal | null)[]>;
  /**
   * Makes what is personal in the streams unreadable for good: in events, in projections and in every dump that is made from then on. A dump
   * of before has the key, too. What is appended later has none.
   */
  destroyKeys(tx: Transaction<Tables>, streams: readonly string[]): Promise<void>;
  /**
   * Fills the tables of a projection anew, beside those in use, and swaps. The next run continues one that was stopped. Appends and
   * reads go on, and wait up to a second for the swap. No views, triggers or policies are on the tables, and no sequences but identities.
   * @throws TypeError for an unknown projection. Error when the tables were in use for ten minutes on end, or changed by a migration.
   */
  rebuild(database: Database<Tables>, projection: string, options?: RebuildOptions): Promise<void>;
}

export function createEventStore<E extends DomainEvent, Tables>({
  upcasters,
  projections = [],
  derive,
  clock,
  limit = LIMIT,
}: EventStoreOptions<E, Tables>): EventStore<E, Tables> {
  const upcasting = createUpcasting(upcasters);
  const rows = createEventRows<E>(upcasting, limit);
  const keys = createStreamKeys(derive);

  return {
    on: (tx, aggregate) => createStreams(tx, aggregate, { rows, keys, upcasting, projections, clock }),
    read: async (db, stream, { after = 0, limit: most } = {}) => (await rows.ofStream(db, stream, after, most)).events,
    async *readAll(db, { after = 0 } = {}) {
      const upTo = await settledPosition(db);
      for (let position = after, more = true; more; ) {
        const look = await rows.ofAll(db, position, upTo);
        if (look.events.length > 0) yield look.events;
        position = look.events.at(-1)?.position ?? position;
        more = look.more;
      }
    },
    open: async <Personal>(db: Kysely<Tables>, items: readonly SealedOf[]) => (await keys.open(db, items)) as (Personal | null)[],
    destroyKeys: keys.destroy,
    async rebuild(database, name, options = {}) {
      const projection = projections.find((each) => each.name === name);
      if (projection === undefined) throw new TypeError(`there is no projection ${name}`);
      await rebuildProjection({ database, rows, projection }, options);
    },
  };
}
