import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { canonicaliserOf } from './canonical-ids.ts';

const Id = Type.String({ format: 'uuid' });
const UPPER = '0199D3A0-0000-7000-8000-00000000A001';
const LOWER = UPPER.toLowerCase();

test.for([
  ['a property', Type.Object({ id: Id }), { id: UPPER }, { id: LOWER }],
  ['items', Type.Array(Type.Object({ id: Id })), [{ id: UPPER }], [{ id: LOWER }]],
  ['one of several', Type.Union([Id, Type.Null()]), UPPER, LOWER],
  ['the values of names that the schema does not list', Type.Record(Type.String(), Id), { a: UPPER, b: UPPER }, { a: LOWER, b: LOWER }],
  ['what is below such a name', Type.Record(Type.String(), Type.Object({ id: Id })), { a: { id: UPPER } }, { a: { id: LOWER } }],
] as const)('an id is brought into lower case as %s', ([, schema, value, expected]) => {
  expect(canonicaliserOf(schema)?.(structuredClone(value))).toEqual(expected);
});

test('what is no id stays as it is, and a schema without ids costs nothing', () => {
  expect(canonicaliserOf(Type.Object({ id: Id, name: Type.String() }))?.({ id: 'ABC', name: UPPER })).toEqual({ id: 'ABC', name: UPPER });
  expect(canonicaliserOf(Type.Object({ name: Type.String() }))).toBeUndefined();
});
