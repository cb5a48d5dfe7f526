import { named } from '@stoa/service';
import { type TProperties, type TSchema, Type } from 'typebox';
import { Nullable, StrictObject } from './schemas.ts';

const page = {
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'How many items at most.' }),
  cursor: Type.Optional(Type.String({ description: '`nextCursor` of the page before, of the same query.' })),
};

/** The query of a list: `limit`, `cursor` and its filters. */
export const PageQuery = <Filters extends TProperties = Record<never, never>>(filters: Filters = {} as Filters) =>
  StrictObject({ ...page, ...filters });

/**
 * One page of a list, as an answer. `nextCursor` is null on the last.
 * @param name of the shape in the description: `UserPage`.
 * @param more what a page of this list says besides.
 */
export const Page = <Item extends TSchema, More extends TProperties = Record<never, never>>(
  name: string,
  item: Item,
  more: More = {} as More,
) =>
  named(
    name,
    Type.Object({
      items: Type.Array(item),
      nextCursor: Nullable(Type.String(), { description: 'For `cursor`; null on the last page.' }),
      ...more,
    }),
  );

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
