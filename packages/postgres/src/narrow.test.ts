import type { ColumnType, Generated, InsertType, JSONColumnType, Selectable } from 'kysely';
import { expectTypeOf, test } from 'vitest';
import type { Narrow } from './narrow.ts';

interface Pet {
  name: string;
  papers: ColumnType<unknown, string, string> | null;
  search: string;
  size: Generated<number>;
}
interface Papers {
  readonly breed: string;
}

test('a column is what was declared for it, and may be null as before; the others are as they were', () => {
  type Narrower = Narrow<Pet, { papers: JSONColumnType<Papers>; search: ColumnType<never, string, string> }>;
  expectTypeOf<Selectable<Narrower>>().toEqualTypeOf<{ name: string; papers: Papers | null; size: number }>();
  expectTypeOf<InsertType<Narrower['papers']>>().toEqualTypeOf<string | null>();
});

test('nothing can be declared for a column that is not there, nor more than a column reads as', () => {
  // @ts-expect-error no such column
  type NoColumn = Narrow<Pet, { colour: string }>;
  // @ts-expect-error a name is no number
  type Wider = Narrow<Pet, { name: string | number }>;
  expectTypeOf<keyof NoColumn | keyof Wider>().toEqualTypeOf<keyof Pet>();
});
