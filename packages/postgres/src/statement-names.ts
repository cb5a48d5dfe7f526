import { createHash } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';

/** Uses after which a statement is worth its place in the server's memory. */
const USES_BEFORE_NAMING = 3;
/** Longer texts are multi-row inserts and the like: each size would be a statement of its own, parsed once and kept for ever. */
const LONGEST_NAMED = 4_000;
/** A prepared statement with its plan takes some 10–50 KB of each connection's server process. */
const MOST_NAMES = 200;
/** Texts whose uses are counted. Beyond it the oldest is forgotten, so a stream of one-off texts cannot grow the process. */
const MOST_CANDIDATES = 2_000;

/**
 * At the beginning of a statement this keeps it from being prepared once for all values: for one whose best index depends on the values
 * themselves, as on how rare a word is that is looked for.
 */
export const PLANNED_FOR_ITS_VALUES: RawBuilder<unknown> = sql.raw('/* planned for its values */');

const NAMEABLE = /^\s*(select|insert|update|delete|with)\b/i;

/**
 * Decides which SQL texts are sent as named prepared statements, so that the server parses and plans them once per
 * connection. The name is a hash of the text: the same on every connection and in every process.
 * @returns the name for `text`, or `undefined` when it is to be sent unnamed.
 */
export function createStatementNames({ most = MOST_NAMES }: { readonly most?: number } = {}): (text: string) => string | undefined {
  const names = new Map<string, string>();
  const uses = new Map<string, number>();
  return (text) => {
    const known = names.get(text);
    if (known !== undefined) return known;
    if (names.size >= most || text.length > LONGEST_NAMED || !NAMEABLE.test(text)) return undefined;
    const count = (uses.get(text) ?? 0) + 1;
    uses.delete(text);
    if (count < USES_BEFORE_NAMING) {
      uses.set(text, count);
      const oldest = uses.size > MOST_CANDIDATES ? uses.keys().next().value : undefined;
      if (oldest !== undefined) uses.delete(oldest);
      return undefined;
    }
    const name = `s${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`;
    names.set(text, name);
    return name;
  };
}
