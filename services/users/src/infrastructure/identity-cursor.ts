import { CURSOR_MAX_LENGTH } from '@stoa/auth';

/** Which transactions a client knows: all before `xmax`, but for those that were running. Decimal, as PostgreSQL writes an `xid8`. */
export interface Heard {
  readonly xmin: string;
  readonly xmax: string;
  readonly running: readonly string[];
}

const MOST = 2n ** 64n - 1n;

/**
 * @param text a `pg_snapshot`, or the number of a transaction before which all is known.
 * @returns `undefined` for what no database can have answered.
 */
export function readCursor(text: string): Heard | undefined {
  const [xmin = '', xmax = xmin, list = ''] = text.split(':');
  const running = list === '' ? [] : list.split(',');
  if ([xmin, xmax, ...running].some((xid) => BigInt(xid) > MOST)) return undefined;
  return BigInt(xmin) > BigInt(xmax) ? undefined : { xmin, xmax, running };
}

/** Whether `now` is of a database that had not come so far: it was restored elsewhere, and counts its transactions anew. */
export const isBefore = (now: Heard, then: Heard): boolean => BigInt(now.xmin) < BigInt(then.xmin) || BigInt(now.xmax) < BigInt(then.xmax);

/** @returns `snapshot` for clients that ask by snapshots, and else the number that it begins with. */
export const cursorFor = (asked: string | undefined, snapshot: string): string =>
  asked?.includes(':') === true && snapshot.length <= CURSOR_MAX_LENGTH ? snapshot : (snapshot.split(':')[0] as string);
