import type { Horizon } from './horizon.ts';
import type { createOutboxRows, Look, OutboxRow } from './outbox-rows.ts';

/** One call reads no more often than this past rows that have to wait: what is behind them has its turn with the next call. */
const MOST_LOOKS = 10;
/** Beyond so many keys with rows left behind it reads no further: these come first. */
const MOST_CROWDED = 1_000;

interface ReaderOptions {
  readonly rows: Pick<ReturnType<typeof createOutboxRows>, 'next' | 'ofKeys'>;
  readonly horizon: Horizon;
  /** Rows that one call brings. */
  readonly most: number;
  /** Rows of one key that it brings. */
  readonly ofKey: number;
}

/**
 * Reads the outbox for the leading relay, from a mark on, so that a poll costs the same whatever has gone through. It works in passes: one
 * reads everything behind the mark, and when it has, the mark rises to what was the horizon at its beginning. Of a key with many rows a few
 * are brought at a time; the key is then remembered as crowded, and its rows are read by the key, behind the mark or not.
 */
export function createOutboxReader({ rows, horizon, most, ofKey }: ReaderOptions) {
  /** Below it only rows of crowded keys are left. */
  let mark = 0;
  /** How far the pass under way has come, and where the mark is to be at its end. */
  let pass: { at: number; readonly mark: number } | undefined;
  /** Of each crowded key, the id behind which it has rows. The one that had its turn longest ago comes first. */
  const crowded = new Map<string, number>();
  const keysAtOnce = Math.max(1, Math.floor(most / ofKey / 2));

  async function readCrowded(inHand: readonly number[]): Promise<Pick<Look, 'rows' | 'isFull'>> {
    const keys = new Map([...crowded].slice(0, keysAtOnce));
    if (keys.size === 0) return { rows: [], isFull: false };
    const found = await rows.ofKeys(keys, inHand);
    const byKey = Map.groupBy(found.rows, ({ message }) => message.key);
    for (const [key, after] of keys) {
      const ofThis = byKey.get(key) ?? [];
      crowded.delete(key);
      if (ofThis.length >= ofKey || found.isFull) crowded.set(key, ofThis.at(-1)?.id ?? after);
    }
    return found;
  }

  /** One poll of the pass. @returns whether there is more to read, and room for it. */
  async function lookOn(found: OutboxRow[], inHand: readonly number[]): Promise<boolean> {
    const reached = await horizon.id();
    pass ??= { mark: reached, at: mark };
    const look = await rows.next(pass.at, most - found.length, [...crowded.keys()], [...inHand, ...found.map(({ id }) => id)]);
    found.push(...look.rows);
    for (const [key, id] of look.left) crowded.set(key, Math.min(id - 1, crowded.get(key) ?? Number.POSITIVE_INFINITY));
    if (look.upTo === undefined) {
      mark = Math.max(mark, pass.mark);
      pass = undefined;
      return false;
    }
    pass.at = look.upTo;
    return !look.isFull && found.length < most && crowded.size < MOST_CROWDED;
  }

  return {
    /** The next rows, without those of `inHand`: all that is brought is to be sent, set aside or parked, or `startOver` is to be called. */
    async read(inHand: readonly number[]): Promise<OutboxRow[]> {
      const { rows: first, isFull } = await readCrowded(inHand);
      const found = [...first];
      let isMore = !isFull && crowded.size < MOST_CROWDED;
      for (let looks = 0; isMore && looks < MOST_LOOKS; looks += 1) isMore = await lookOn(found, inHand);
      return found;
    },
    /** Whether it stopped with more to read. */
    hasMore: (): boolean => pass !== undefined || crowded.size > 0,
    /** Reads everything once more: after a failure, and now and then. */
    startOver(): void {
      mark = 0;
      pass = undefined;
      crowded.clear();
    },
  };
}
