import { anyOf, type Database } from '@stoa/postgres';
import { type Logger, type Loop, pause, startLoop } from '@stoa/service';
import { sql, type Transaction } from 'kysely';

/** Milliseconds. */
export interface Heartbeats {
  /** The lease is renewed so often: before half of it is over. */
  readonly everyMs: number;
  /** The lease. Three heartbeats missed: the process is dead, or so slow that others may do its work. */
  readonly deadAfterMs: number;
  /** Without its lock, one missed heartbeat is enough: a process that lives may lose its connection, but it beats all the same. */
  readonly deadWithoutLockMs: number;
}

const HEARTBEATS: Heartbeats = { everyMs: 3_000, deadAfterMs: 10_000, deadWithoutLockMs: 4_000 };

/** The processes that share the tasks of one database. */
export interface InstanceGroup {
  /** Names the locks of the instances. */
  readonly name: string;
  /** Its rows are the instances: `id uuid primary key, seen_at timestamptz not null default clock_timestamp()`. */
  readonly table: string;
}

export interface InstanceOptions<Schema> {
  readonly database: Database<Schema>;
  readonly group: InstanceGroup;
  /** A UUID that no other process has, nor this one after a restart. */
  readonly id: string;
  /** Puts the tasks of `owners` back into the queue, `except` these ids. @returns how many. */
  reclaim(tx: Transaction<Schema>, owners: readonly string[], except: readonly string[]): Promise<number>;
  readonly log: Logger;
  /** Others than our own, for tests. */
  readonly heartbeats?: Heartbeats | undefined;
}

/** This process among those of its group. The tasks of a dead one go back to the queue. */
export interface Instance<Schema> {
  start(): Promise<void>;
  /** Keeps the lease until `tx` ends: nobody takes over meanwhile. @throws when the lease is lost; the next heartbeat takes a new one. */
  hold(tx: Transaction<Schema>): Promise<void>;
  /**
   * Puts back what is ours in the database, `except` what really is in progress, which is asked for once no claim can come between.
   * @returns how many tasks it were.
   */
  reclaimOwn(except: () => readonly string[]): Promise<number>;
  /** Call when nothing is in progress any more. */
  stop(): Promise<void>;
}

/**
 * The lease of an instance covers all of its tasks, and each heartbeat renews it. An instance shows that it lives in two ways: by its
 * heartbeat, and by the lock it leads under its id, which goes when its connection goes. A process that starts takes the locks of those it
 * finds, and so takes over soon from one that was killed; those that run take more time. How old a heartbeat is proves nothing, as nobody can
 * beat while the database is away: it counts how long it was watched without a change.
 */
export function createInstance<Schema>(options: InstanceOptions<Schema>): Instance<Schema> {
  const { database, group, id, reclaim, log } = options;
  const { everyMs, deadAfterMs, deadWithoutLockMs } = options.heartbeats ?? HEARTBEATS;
  const { query } = database;
  const instances = sql.table(group.table);
  const stops = new Set<() => Promise<void>>();
  /** The last heartbeat of each other instance, and since when it has been that one. */
  let watched = new Map<string, { readonly beat: number; readonly since: number }>();
  let beats: Loop | undefined;

  async function lead(instance: string, work: (signal: AbortSignal) => Promise<void>): Promise<() => Promise<void>> {
    const stopLeading = await database.lead(`${group.name} instance ${instance}`, work);
    const stop = async (): Promise<void> => {
      stops.delete(stop);
      await stopLeading();
    };
    stops.add(stop);
    return stop;
  }

  /** Tries until the heartbeat of the other shows whether it lives. */
  async function succeed(other: string): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const stop = await lead(other, async (signal) => {
      const before = await lastBeat(other);
      await pause(deadWithoutLockMs, signal);
      if (signal.aborted) return;
      if (before !== undefined && (await lastBeat(other)) === before) await takeOver([other]);
      resolve();
    });
    const patience = setTimeout(resolve, deadAfterMs);
    void over.then(async () => {
      clearTimeout(patience);
      await stop();
    });
  }

  async function lastBeat(instance: string): Promise<number | undefined> {
    const { rows } = await sql<{ seen_at: Date }>`select seen_at from ${instances} where id = ${instance}`.execute(query);
    return rows[0]?.seen_at.getTime();
  }

  /** In one transaction: a claim of theirs that is under way holds their rows, and ends before these go. */
  const release = (owners: readonly string[]): Promise<number> =>
    database.transaction(async (tx) => {
      await sql`delete from ${instances} where id = ${anyOf(owners, 'uuid')}`.execute(tx);
      return await reclaim(tx, owners, []);
    });

  async function takeOver(dead: readonly string[]): Promise<void> {
    const reclaimed = await release(dead);
    log.info({ group: group.name, instances: dead, reclaimed }, 'took over from instances that are gone');
  }

  async function heartbeat(): Promise<void> {
    await sql`insert into ${instances} (id) values (${id}) on conflict (id) do update set seen_at = clock_timestamp()`.execute(query);
    const { rows: others } = await sql<{ id: string; seen_at: Date }>`
      select id, seen_at from ${instances} where id <> ${id} order by id`.execute(query);
    const now = performance.now();
    watched = new Map(
      others.map((other) => {
        const [known, last] = [watched.get(other.id), other.seen_at.getTime()];
        return [other.id, known?.beat === last ? known : { beat: last, since: now }];
      }),
    );
    const dead = [...watched].filter(([, { since }]) => now - since >= deadAfterMs).map(([other]) => other);
    if (dead.length > 0) await takeOver(dead);
  }

  return {
    async start() {
      await lead(id, (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })));
      await heartbeat();
      for (const other of watched.keys()) await succeed(other);
      // One after the other: an older one that is still under way would bring our row back after a stop.
      beats = startLoop({
        async step() {
          const begunAt = performance.now();
          await heartbeat();
          return Math.max(1, everyMs - (performance.now() - begunAt));
        },
        onFailure(error) {
          // A heartbeat that could not be read does not count as missing.
          watched.clear();
          log.warn({ err: error, group: group.name }, 'no heartbeat: the database is away');
          return everyMs;
        },
      });
    },
    async hold(tx) {
      const { rows } = await sql`select from ${instances} where id = ${id} for key share`.execute(tx);
      if (rows.length === 0) throw new Error('the lease of this instance is lost: others may have its tasks');
    },
    reclaimOwn: (except) =>
      database.transaction(async (tx) => {
        // Waits behind a claim whose answer was lost and that is still under way at the server.
        await sql`select from ${instances} where id = ${id} for update`.execute(tx);
        return await reclaim(tx, [id], except());
      }),
    async stop() {
      await beats?.stop();
      await Promise.all([...stops].map((stop) => stop()));
      // The tasks of a claim whose answer was lost may be ours: without our row nobody would look for them.
      await release([id]);
    },
  };
}
