import { createHmac, timingSafeEqual } from 'node:crypto';
import type { DeriveKey } from '@stoa/service';
import { canonicalJson } from './canonical-json.ts';
import { httpErrors } from './http-errors.ts';
import { pageOf } from './pagination.ts';

type Scalar = string | number | boolean | null;

/** Where a page ends in the order of its list: what the WHERE of the next page needs. */
type Position = Scalar | readonly [Scalar, Scalar, ...Scalar[]];

/** Which rows a page of a list needs. */
export interface PageRequest<At extends Position = string> {
  /** One more than the page shows, as that tells whether there is a next one: for LIMIT. */
  readonly limit: number;
  /** Where the page before ended; undefined on the first. */
  readonly after: At | undefined;
}

/** A page that a request asks for, and how it is answered. */
export interface RequestedPage<At extends Position = string> extends PageRequest<At> {
  /**
   * @param rows at most `limit`, in the order of the list.
   * @param positionOf where a page ends behind this row. The client can read it, but not change it.
   * @param toItem what is shown of a row; the row itself if nothing else is said.
   */
  answer<Row>(rows: readonly Row[], positionOf: (row: Row) => At): { items: Row[]; nextCursor: string | null };
  answer<Row, Item>(
    rows: readonly Row[],
    positionOf: (row: Row) => At,
    toItem: (row: Row) => Item,
  ): { items: Item[]; nextCursor: string | null };
}

/**
 * Cursors of keyset pages. The `scope` of one is the query that it belongs to: the list's name, its filters and order, and its owner. Any
 * JSON; the order of names does not count.
 */
export interface Cursors {
  /**
   * @param query `limit` and `cursor` of the request, by `PageQuery`.
   * @throws 400 `invalid_cursor` for one that was edited, or belongs to another scope.
   */
  page<At extends Position = string>(
    scope: unknown,
    query: { readonly limit: number; readonly cursor?: string | undefined },
  ): RequestedPage<At>;
  /** For a list that is no rows of one statement. @param values can be read by the client, but not changed. */
  encode(scope: unknown, values: readonly Scalar[]): string;
  /**
   * @returns the values that `encode` was given for the same scope; undefined without a cursor, on the first page.
   * @throws 400 `invalid_cursor` as above.
   */
  decode<Values extends readonly Scalar[]>(scope: unknown, cursor: string | undefined): Values | undefined;
}

/** Truncated as RFC 2104 §5 allows: guessing 128 bits is hopeless. */
const MAC_BYTES = 16;

/** Cursors are authenticated with a key of the installation, so that every copy of the service reads them. */
export function createCursors(derive: DeriveKey): Cursors {
  const key = derive('cursor');
  const macOf = (scope: unknown, values: string) =>
    createHmac('sha256', key)
      .update(JSON.stringify([canonicalJson(scope), values]))
      .digest()
      .subarray(0, MAC_BYTES);

  function encode(scope: unknown, values: readonly Scalar[]): string {
    const text = JSON.stringify(values);
    return Buffer.concat([macOf(scope, text), Buffer.from(text)]).toString('base64url');
  }

  function decode<Values extends readonly Scalar[]>(scope: unknown, cursor: string | undefined): Values | undefined {
    if (cursor === undefined) return undefined;
    const bytes = Buffer.from(cursor, 'base64url');
    const [mac, values] = [bytes.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES).toString()];
    // One cursor has one spelling: Node skips what is no base64url.
    const isOurs = bytes.length > MAC_BYTES && bytes.toString('base64url') === cursor && timingSafeEqual(mac, macOf(scope, values));
    if (!isOurs) throw httpErrors.invalid_cursor();
    return JSON.parse(values) as Values;
  }

  return {
    encode,
    decode,
    page<At extends Position>(scope: unknown, { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined }) {
      const values = decode(scope, cursor);
      const after = (values?.length === 1 ? values[0] : values) as At | undefined;
      return {
        limit: limit + 1,
        after,
        answer: <Row, Item = Row>(rows: readonly Row[], positionOf: (row: Row) => At, toItem: (row: Row) => Item = itself) =>
          pageOf(rows, limit, toItem, (last) => encode(scope, [positionOf(last)].flat() as Scalar[])),
      };
    },
  };
}

const itself = <Item>(row: unknown): Item => row as Item;
