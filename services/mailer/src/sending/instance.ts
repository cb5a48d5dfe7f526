import { setTimeout as delay } from 'node:timers/promises';
import { anyOf, type Database } from '@stoa/postgres';
import type { Logger } from '@stoa/service';
import { sql } from 'kysely';
import type { MailerTables } from '../tables.ts';
import { reclaimMails } from './reclaim-mails.ts';

/** Milliseconds. */
export interface Heartbeats {
  readonly everyMs: number;
  /** Three heartbeats missed: the process is dead, or so slow that others may do its work. */
  readonly deadAfterMs: number;
  /** Without its lock, one missed heartbeat is enough: a process that lives may lose its connection, but it beats all the same. */
  readonly deadWithoutLockMs: number;
}

const HEARTBEATS: Heartbeats = { everyMs: 3_000, deadAfterMs: 10_000, deadWithoutLockMs: 4_000 };

/** This process among those that send. What a dead one had in hand goes back to the queue. */
export interface Instance {
  start(): Promise<void>;
  /** Call when nothing is in hand any more. */
  stop(): Promise<void>;
}

/**
 * An instance shows that it lives in two ways: by its heartbeat, and by the lock it leads under its id, which goes when its
 * connection goes. A process that starts takes the locks of those it finds, and so takes over soon from one that was killed; those
 * that run take more time. How old a heartbeat is proves nothing, as nobody can beat while the database is away: it counts how long
 * it was watched without a change.
 */
export function createInstance(database: Database<MailerTables>, id: string, log: Logger, heartbeats = HEARTBEATS): Instance {
  const { everyMs, deadAfterMs, deadWithoutLockMs } = heartbeats;
  const { query } = database;
  const stops = new Set<() => Promise<void>>();
  /** The last heartbeat of each other instance, and since when it has been that one. */
  let watched = new Map<string, { readonly beat: number; readonly since: number }>();
  let beating: NodeJS.Timeout | undefined;
  let beat = Promise.resolve();

  async function lead(instance: string, work: (signal: AbortSignal) => Promise<void>): Promise<() => Promise<void>> {
    const stopLeading = await database.lead(`mailer instance ${instance}`, work);
    const stop = async (): Promise<void> => {
      stops.delete(stop);
      await stopLeading();
    };
    stops.add(stop);
    return stop;
  }

  /** Tries for as long as the heartbeat of the other does not tell. */
  async function succeed(other: string): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const stop = await lead(other, async (signal) => {
      const before = await lastBeat(other);
      await delay(deadWithoutLockMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      if (before !== undefined && (await lastBeat(other)) === before) await bury([other]);
      resolve();
    });
    const patience = setTimeout(resolve, deadAfterMs);
    void over.then(async () => {
      clearTimeout(patience);
      await stop();
    });
  }

  async function lastBeat(instance: string): Promise<number | undefined> {
    const row = await query.selectFrom('instances').select('seen_at').where('id', '=', instance).executeTakeFirst();
    return row?.seen_at.getTime();
  }

  async function bury(dead: readonly string[]): Promise<void> {
    const reclaimed = await reclaimMails(database, dead);
    await query.deleteFrom('instances').where('id', '=', anyOf(dead, 'uuid')).execute();
    log.info({ instances: dead, reclaimed }, 'took over from instances that are gone');
  }

  async function heartbeat(): Promise<void> {
    const seen_at = sql<Date>`clock_timestamp()`;
    await query
      .insertInto('instances')
      .values({ id })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ seen_at }))
      .execute();
    const others = await query.selectFrom('instances').select(['id', 'seen_at']).where('id', '!=', id).execute();
    const now = performance.now();
    watched = new Map(
      others.map((other) => {
        const [known, last] = [watched.get(other.id), other.seen_at.getTime()];
        return [other.id, known?.beat === last ? known : { beat: last, since: now }];
      }),
    );
    const dead = [...watched].filter(([, { since }]) => now - since >= deadAfterMs).map(([other]) => other);
    if (dead.length > 0) await bury(dead);
  }

  return {
    async start() {
      await lead(id, (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })));
      await heartbeat();
      for (const other of watched.keys()) await succeed(other);
      beating = setInterval(() => {
        beat = heartbeat().catch((error) => {
          // What could not be heard is no silence.
          watched.clear();
          log.warn({ err: error }, 'no heartbeat: the database is away');
        });
      }, everyMs);
    },
    async stop() {
      clearInterval(beating);
      await beat;
      await Promise.all([...stops].map((stop) => stop()));
      // Ours may be what a claim took whose answer was lost: without our row nobody would look for it.
      await reclaimMails(database, [id]);
      await query.deleteFrom('instances').where('id', '=', id).execute();
    },
  };
}
