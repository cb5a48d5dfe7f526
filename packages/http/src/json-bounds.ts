import type { TSchema } from 'typebox';

/** Levels of a JSON text. */
export const MAX_DEPTH = 32;

/** The most values that any schema of a body may have room for: what needs more is to come in lines, and be read line by line. */
const MAX_VALUES = 5_000;

/** More values than a schema has room for may come all the same, so that a client is told the names of what is too much. */
const SPARE_VALUES = 20;

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
/** `[` and `{`, `]` and `}` differ by this bit alone. */
const BRACE_BIT = 0x20;
const [OPENING, CLOSING] = [0x7b, 0x7d];

/**
 * Scans the bytes of a JSON text before it is parsed, as parsing takes much longer than reading: once, without memory.
 * @param maxValues objects, lists and scalars together, the outermost counted too.
 * @returns what there is too much of. A text that is malformed is left to the parser.
 */
export function excessIn(bytes: Uint8Array, maxValues: number): 'levels' | 'values' | undefined {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) at = endOfString(bytes, at + 1);
    else if (byte === COMMA) values += 1;
    else if ((byte | BRACE_BIT) === OPENING) {
      values += 1;
      depth += 1;
      if (depth > MAX_DEPTH) return 'levels';
    } else if ((byte | BRACE_BIT) === CLOSING) depth -= 1;
    if (values > maxValues) return 'values';
  }
  return undefined;
}

/** Up to this many bytes of a string are read one by one: most end before. The rest is searched, which is twenty times as fast. */
const SHORT_STRING = 32;

/** @returns where the closing quote is; at the end or behind it when there is none. */
function endOfString(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const stop = Math.min(at + SHORT_STRING, bytes.length);
    while (at < stop) {
      const byte = bytes[at];
      if (byte === QUOTE) return at;
      at += byte === BACKSLASH ? 2 : 1;
    }
    if (at >= bytes.length) return at;
    const quote = bytes.indexOf(QUOTE, at);
    if (quote === -1) return bytes.length;
    let backslash = quote;
    while (backslash > at && bytes[backslash - 1] === BACKSLASH) backslash -= 1;
    // As many backslashes as stand for themselves in pairs leave the quote as it is.
    if ((quote - backslash) % 2 === 0) return quote;
    at = quote + 1;
  }
}

/**
 * As many values as a body may have by its schema, and some to spare.
 * @throws TypeError for a schema that sets no bound (a list without `maxItems`, names without `maxProperties`, a value of any kind), or one
 * beyond 5,000 values.
 */
export function maxValuesOf(schema: TSchema): number {
  const values = valuesIn(schema as Shape);
  if (values > MAX_VALUES) throw new TypeError(`a body may have at most ${MAX_VALUES} values, not ${values}`);
  return values + SPARE_VALUES;
}

interface Shape {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Shape[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly patternProperties?: Readonly<Record<string, Shape>>;
  readonly additionalProperties?: Shape | boolean;
  readonly maxProperties?: number;
  readonly items?: Shape;
  readonly maxItems?: number;
  readonly maxLength?: number;
}

/** A text without a `maxLength` has another bound: a format, a pattern, a list of what it can be. */
const LENGTH_OF_OTHERS = 100;

/** As many characters as all texts together may have by a schema. */
export const maxTextOf = (schema: TSchema): number => Math.max(LENGTH_OF_OTHERS, charactersIn(schema as Shape));

/** A list of parameters has no bound by its schema, but by the length of a request line. */
const ITEMS_OF_OTHERS = 250;

function charactersIn(shape: Shape): number {
  const { maxLength = LENGTH_OF_OTHERS, anyOf = [], properties = {}, patternProperties = {}, items, additionalProperties } = shape;
  const { maxItems = ITEMS_OF_OTHERS, maxProperties = ITEMS_OF_OTHERS } = shape;
  const free = [...Object.values(patternProperties), ...(typeof additionalProperties === 'object' ? [additionalProperties] : [])];
  const below = [
    ...[...anyOf, ...Object.values(properties)].map(charactersIn),
    ...free.map((each) => maxProperties * charactersIn(each)),
    ...(items === undefined ? [] : [maxItems * charactersIn(items)]),
  ];
  return below.length === 0 ? maxLength : below.reduce((sum, each) => sum + each);
}

function valuesIn(shape: Shape): number {
  if (shape.anyOf !== undefined) return Math.max(...shape.anyOf.map(valuesIn));
  if (shape.enum !== undefined || shape.const !== undefined) return 1;
  const types = [shape.type ?? []].flat();
  if (types.length === 0) throw new TypeError('a schema of a body must say its type');
  return Math.max(...types.map((type) => (type === 'object' ? valuesOfObject(shape) : type === 'array' ? valuesOfList(shape) : 1)));
}

function valuesOfObject({ properties = {}, patternProperties = {}, additionalProperties, maxProperties }: Shape): number {
  const known = Object.values(properties).reduce((sum, each) => sum + valuesIn(each), 1);
  const others = [...Object.values(patternProperties), ...(typeof additionalProperties === 'object' ? [additionalProperties] : [])];
  if (others.length === 0) return known;
  if (maxProperties === undefined) throw new TypeError('an object with names of any kind must say maxProperties');
  return known + maxProperties * Math.max(...others.map(valuesIn));
}

function valuesOfList({ items, maxItems }: Shape): number {
  if (items === undefined || maxItems === undefined) throw new TypeError('a list must say items and maxItems');
  return 1 + maxItems * valuesIn(items);
}
