import type { Database } from '@stoa/postgres';
import type { Logger } from '@stoa/service';
import { sql } from 'kysely';
import type { MailerTables } from '../tables.ts';
import { reclaimMails } from './reclaim-mails.ts';

const HEARTBEAT_MS = 3_000;
/** Three heartbeats missed: the process is dead, or so slow that others may do its work. */
const DEAD_AFTER_MS = 10_000;

/** This process among those that send. What a dead one had in hand goes back to the queue. */
export interface Instance {
  start(): Promise<void>;
  /** Call when nothing is in hand any more. */
  stop(): Promise<void>;
}

/**
 * An instance shows that it lives in two ways. Its heartbeat proves death after ten seconds, for everybody. The lock it leads
 * under its id goes when its connection goes: a process that starts takes the locks of those it finds, and so takes over at
 * once from one that was killed, without taking anything from one that lives.
 */
export function createInstance(database: Database<MailerTables>, id: string, log: Logger): Instance {
  const { query } = database;
  const stops = new Set<() => Promise<void>>();
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
    const stop = await lead(other, async () => {
      await bury([other]);
      resolve();
    });
    const patience = setTimeout(resolve, DEAD_AFTER_MS);
    void over.then(async () => {
      clearTimeout(patience);
      await stop();
    });
  }

  async function bury(dead: readonly string[]): Promise<void> {
    const reclaimed = await reclaimMails(database, dead);
    await query.deleteFrom('instances').where('id', 'in', dead).execute();
    log.info({ instances: dead, reclaimed }, 'took over from instances that are gone');
  }

  async function heartbeat(): Promise<void> {
    const seen_at = sql<Date>`clock_timestamp()`;
    await query
      .insertInto('instances')
      .values({ id })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ seen_at }))
      .execute();
    const dead = await query
      .selectFrom('instances')
      .select('id')
      .where('id', '!=', id)
      .where('seen_at', '<', sql<Date>`clock_timestamp() - ${DEAD_AFTER_MS} * interval '1 ms'`)
      .execute();
    if (dead.length > 0) await bury(dead.map((instance) => instance.id));
  }

  return {
    async start() {
      await lead(id, (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })));
      await heartbeat();
      const others = await query.selectFrom('instances').select('id').where('id', '!=', id).execute();
      for (const other of others) await succeed(other.id);
      beating = setInterval(() => {
        beat = heartbeat().catch((error) => log.warn({ err: error }, 'no heartbeat: the database is away'));
      }, HEARTBEAT_MS);
    },
    async stop() {
      clearInterval(beating);
      await beat;
      await Promise.all([...stops].map((stop) => stop()));
      await query.deleteFrom('instances').where('id', '=', id).execute();
    },
  };
}
