import { createHmac, timingSafeEqual } from 'node:crypto';
import type { DeriveKey } from '@stoa/service';
import { type TSchema, Type } from 'typebox';
import { canonicalJson } from './canonical-json.ts';
import { httpErrors } from './http-errors.ts';

/** To be spread into the querystring schema of a list. */
export const PageQuery = {
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'How many items at most.' }),
  cursor: Type.Optional(Type.String({ description: '`nextCursor` of the page before, of the same query.' })),
};

/** One page of a list. `nextCursor` is null on the last. */
export const Page = <Item extends TSchema>(item: Item) =>
  Type.Object(
    {
      items: Type.Array(item),
      nextCursor: Type.Union([Type.String(), Type.Null()], { description: 'For `cursor`; null on the last page.' }),
    },
    { additionalProperties: false },
  );

type Scalar = string | number | boolean | null;

export interface Cursors {
  /**
   * @param scope the query: the list's name, its filters and order, and whose it is. Any JSON; the order of names does not count.
   * @param values where the page ends, what the next one's WHERE needs. They can be read by who gets them, not changed.
   */
  encode(scope: unknown, values: readonly Scalar[]): string;
  /**
   * @returns the values that `encode` was given for the same scope; undefined without a cursor, on the first page.
   * @throws 400 `invalid_cursor` for one that was edited, or belongs to another query or another person.
   */
  decode<Values extends readonly Scalar[]>(scope: unknown, cursor: string | undefined): Values | undefined;
}

/** Truncated as RFC 2104 §5 allows: guessing 128 bits is hopeless. */
const MAC_BYTES = 16;

/** Cursors of keyset pages, authenticated with a key of the installation, so that every copy of the service reads them. */
export function createCursors(derive: DeriveKey): Cursors {
  const key = derive('cursor');
  const macOf = (scope: unknown, values: string) =>
    createHmac('sha256', key)
      .update(JSON.stringify([canonicalJson(scope), values]))
      .digest()
      .subarray(0, MAC_BYTES);
  return {
    encode(scope, values) {
      const text = JSON.stringify(values);
      return Buffer.concat([macOf(scope, text), Buffer.from(text)]).toString('base64url');
    },
    decode<Values extends readonly Scalar[]>(scope: unknown, cursor: string | undefined) {
      if (cursor === undefined) return undefined;
      const bytes = Buffer.from(cursor, 'base64url');
      const [mac, values] = [bytes.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES).toString()];
      // One cursor has one spelling: Node reads over what is no base64url.
      const isOurs = bytes.length > MAC_BYTES && bytes.toString('base64url') === cursor && timingSafeEqual(mac, macOf(scope, values));
      if (!isOurs) throw httpErrors.invalid_cursor();
      return JSON.parse(values) as Values;
    },
  };
}

/**
 * The page of a query that asked for one row more than `limit`, which tells whether there is a next page.
 * @param cursorOf the cursor behind a row.
 */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  toItem: (row: Row) => Item,
  cursorOf: (row: Row) => string,
): { items: Item[]; nextCursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { items: shown.map(toItem), nextCursor: rows.length > limit && last !== undefined ? cursorOf(last) : null };
}
