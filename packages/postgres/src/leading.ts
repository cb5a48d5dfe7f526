import { abortable, type Logger, type Loop, startLoop } from '@stoa/service';
import type { Database } from './database.ts';
import type { Link } from './session-connection.ts';
import { isUnavailable } from './unavailable.ts';

/** A process that does not lead asks again after this long, plus up to as much again. */
const RETRY_MS = 500;
/** A process that gave the lead up by itself stays out for several times as long as the others wait between their tries. */
const STAND_BACK_MS = 5_000;
/** Waiters do not ask in step. */
const spread = (milliseconds: number): number => milliseconds * (1 + Math.random());
/** Keeps the lock's key apart from advisory locks taken for other purposes. */
const lockKey = (name: string): string => `stoa lead ${name}`;

export interface LeadingOptions {
  link(): Promise<Link>;
  readonly log: Logger;
  readonly name: string;
}

/** Leadership by session advisory locks: the server frees them by itself when the holder's connection ends. */
export function createLeading({ link, log, name: database }: LeadingOptions): { lead: Database<unknown>['lead']; stop(): Promise<void> } {
  const stops = new Map<string, () => Promise<void>>();

  /** One try: leads until the end of the connection, the work or the stop. @returns how long to wait before the next one, in milliseconds. */
  async function attempt(name: string, work: (signal: AbortSignal) => Promise<void>, stopped: AbortSignal): Promise<number> {
    const held = await abortable(link(), stopped);
    const [row] = await held.query<{ locked: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as locked', [lockKey(name)]);
    if (row?.locked !== true) return RETRY_MS;
    const signal = AbortSignal.any([stopped, held.lost]);
    try {
      await work(signal);
      return signal.aborted ? RETRY_MS : STAND_BACK_MS;
    } finally {
      // Fails only when the connection is lost, and then the lock went with it.
      await held.query('select pg_advisory_unlock(hashtextextended($1, 0))', [lockKey(name)]).catch(() => {});
    }
  }

  const keepTrying = (name: string, work: (signal: AbortSignal) => Promise<void>): Loop =>
    startLoop({
      step: async (stopped) => spread(await attempt(name, work, stopped)),
      onFailure(error, _failures, stopped) {
        // A lost connection is logged by the session, once for all that it carries.
        if (!stopped.aborted && !isUnavailable(error)) log.error({ err: error, database, lead: name }, 'leading failed, will try again');
        return spread(RETRY_MS);
      },
    });

  return {
    async lead(name, work) {
      // The lock belongs to the session, which would grant it to itself a second time.
      if (stops.has(name)) throw new Error(`lead("${name}") is already running on this database object`);
      const loop = keepTrying(name, work);
      const stop = async (): Promise<void> => {
        await loop.stop();
        if (stops.get(name) === stop) stops.delete(name);
      };
      stops.set(name, stop);
      return stop;
    },
    async stop() {
      await Promise.all([...stops.values()].map((stop) => stop()));
    },
  };
}
