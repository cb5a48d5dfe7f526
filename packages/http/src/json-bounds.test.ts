import fc from 'fast-check';
import { Type } from 'typebox';
import { describe, expect, test } from 'vitest';
import { excessIn, MAX_DEPTH, maxTextOf, maxValuesOf } from './json-bounds.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** An empty object or list counts for two: the bytes show only that it was opened. */
const valuesIn = (value: unknown): number => {
  if (typeof value !== 'object' || value === null) return 1;
  const inside = Object.values(value);
  return inside.length === 0 ? 2 : inside.reduce((sum: number, each) => sum + valuesIn(each), 1);
};
/** How far the brackets outside strings open at most. */
const deepest = (pieces: readonly string[]): number => {
  const levels = pieces.map((piece) => (piece === '[' || piece === '{' ? 1 : piece === ']' ? -1 : 0));
  return Math.max(0, ...levels.map((_, end) => levels.slice(0, end + 1).reduce<number>((sum, step) => sum + step, 0)));
};

describe('before a body is parsed', () => {
  test('its values are counted as the parser would make them, whatever stands in its strings', () => {
    const text = fc.string({ unit: fc.constantFrom('"', '\\', '[', '{', ',', ']', '}', 'a', '\u00e9', '😀'), size: 'large' });
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 6 }, text, fc.integer(), fc.constant(null), fc.array(tie('tree')), fc.dictionary(text, tie('tree'))),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const bytes = bytesOf(JSON.stringify(value, null, 1));
        const values = valuesIn(value);
        expect(excessIn(bytes, values)).toBe(undefined);
        expect(excessIn(bytes, values - 1)).toBe('values');
      }),
    );
  });

  test(`${MAX_DEPTH} levels may be in it, and no more`, () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('[', '{', '"]"', '"}"', ']'), { maxLength: 200 }), (pieces) => {
        const bytes = bytesOf(pieces.join(''));
        expect(excessIn(bytes, Number.POSITIVE_INFINITY)).toBe(deepest(pieces) > MAX_DEPTH ? 'levels' : undefined);
      }),
    );
    const nested = (levels: number) => bytesOf('[{"a":'.repeat(levels / 2) + '}]'.repeat(levels / 2));
    expect(excessIn(nested(MAX_DEPTH), 1_000)).toBe(undefined);
    expect(excessIn(nested(MAX_DEPTH + 2), 1_000)).toBe('levels');
  });

  test.for([
    ['levels', '['.repeat(50_000)],
    ['values', '[[],'.repeat(12_000)],
    ['names', `{${'"a":1,'.repeat(8_000)}`],
    ['quotes', `"${'\\"'.repeat(25_000)}`],
    ['backslashes', `"${'\\'.repeat(50_001)}`],
    ['strings that do not end', '"'.repeat(50_000)],
  ])('no byte of very many %s is read more than twice', ([, text]) => {
    const bytes = bytesOf(text as string);
    let looks = 0;
    const counted = new Proxy(bytes, {
      get(target, name) {
        if (name === 'indexOf') {
          return (value: number, from: number) => {
            const found = target.indexOf(value, from);
            looks += (found === -1 ? target.length : found + 1) - from;
            return found;
          };
        }
        if (typeof name === 'string' && /^\d/.test(name)) looks += 1;
        return Reflect.get(target, name, target);
      },
    });
    excessIn(counted, 100);
    expect(looks).toBeLessThanOrEqual(2 * bytes.length);
  });
});

describe('how many values a body may have', () => {
  const closed = { additionalProperties: false };

  test('is what its schema has room for, and twenty', () => {
    const Body = Type.Object(
      {
        name: Type.String(),
        note: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        tags: Type.Array(Type.Enum(['a', 'b']), { maxItems: 5 }),
        labels: Type.Record(Type.String(), Type.Object({ text: Type.String() }, closed), { maxProperties: 3 }),
        place: Type.Unsafe<object | null>({ type: ['object', 'null'], properties: { x: { type: 'number' } }, ...closed }),
      },
      closed,
    );
    expect(maxValuesOf(Body) - 20).toBe(1 + 1 + 1 + (1 + 5) + (1 + 3 * 2) + 2);
  });

  test('and how many characters of text, by the same schema', () => {
    const Body = Type.Object(
      {
        name: Type.String({ maxLength: 200 }),
        tags: Type.Array(Type.String({ maxLength: 30 }), { maxItems: 5 }),
        labels: Type.Record(Type.String(), Type.String({ maxLength: 40 }), { maxProperties: 3 }),
        id: Type.String({ format: 'uuid' }),
      },
      closed,
    );
    expect(maxTextOf(Body)).toBe(200 + 5 * 30 + 3 * 40 + 100);
  });

  test.for([
    ['a list of any length', Type.Array(Type.String())],
    ['any number of names', Type.Record(Type.String(), Type.String())],
    ['a value of any kind', Type.Any()],
    ['a list of very many', Type.Array(Type.String(), { maxItems: 5_000 })],
  ] as const)('is not taken of %s', ([, schema]) => {
    expect(() => maxValuesOf(Type.Object({ schema }, closed))).toThrow(TypeError);
  });
});
