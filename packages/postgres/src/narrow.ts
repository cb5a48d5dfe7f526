import type { SelectType } from 'kysely';

/** `Narrower` names columns that there are, and what reads as such a column reads. */
type Narrowing<Columns, Narrower> = {
  readonly [Column in keyof Narrower]: Column extends keyof Columns
    ? SelectType<Narrower[Column]> extends SelectType<Columns[Column]>
      ? unknown
      : never
    : never;
};

/**
 * A generated row type with what the catalogue does not know of its columns: what is in one of JSON, or that one is never read. A column that
 * may be null stays so.
 */
export type Narrow<Columns, Narrower extends Narrowing<Columns, Narrower>> = {
  [Column in keyof Columns]: Column extends keyof Narrower ? Narrower[Column] | Extract<Columns[Column], null> : Columns[Column];
};
