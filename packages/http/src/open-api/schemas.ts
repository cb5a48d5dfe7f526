import { isDeepStrictEqual } from 'node:util';
import { nameOf } from '@stoa/service';

type Json = Record<string, unknown>;

/** Keywords of JSON Schema 2020-12 that describe; others are internal to our validator. */
const KEYWORDS = new Set(
  `type const enum properties required additionalProperties patternProperties propertyNames minProperties maxProperties
  items prefixItems minItems maxItems uniqueItems contains anyOf oneOf allOf not if then else
  pattern format minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum multipleOf contentEncoding contentMediaType
  title description default examples deprecated readOnly writeOnly`.split(/\s+/),
);
/** Under these a name is one of ours, and no keyword. */
const MAPS = new Set(['properties', 'patternProperties']);
/** Values, and no schemas. */
const VALUES = new Set(['const', 'enum', 'default', 'examples', 'required']);

/** The schemas of one description: named ones are kept once, and referred to. */
export interface Schemas {
  /**
   * @param isAnswer answers may get more fields later, so that they do not say `additionalProperties: false`; requests do.
   * @throws Error when a name has two shapes.
   */
  describe(schema: object, isAnswer: boolean): Json;
  /** What `describe` has referred to, by name. */
  readonly components: ReadonlyMap<string, Json>;
}

export function createSchemas(): Schemas {
  const components = new Map<string, Json>();
  /** What has a name stands in an answer, or only in requests. */
  const answered = new Set<string>();
  const origins = new Map<string, object>();

  function describe(schema: object, isAnswer: boolean): Json {
    const known = nameOf(schema);
    if (known === undefined) return shapeOf(schema, isAnswer);
    const { name, schema: origin } = known;
    for (const key of Object.keys(schema).filter((key) => KEYWORDS.has(key) && key !== 'description')) {
      if ((schema as Json)[key] !== (origin as Json)[key])
        throw new Error(`a copy of the schema ${name} has another "${key}": it is no ${name}`);
    }
    add(name, origin, isAnswer);
    return { $ref: `#/components/schemas/${name}` };
  }

  function add(name: string, origin: object, isAnswer: boolean): void {
    const isOpen = isAnswer || answered.has(name);
    const before = origins.get(name);
    if (before === origin && isOpen === answered.has(name)) return;
    if (isOpen) answered.add(name);
    origins.set(name, origin);
    const shape = shapeOf(origin, isOpen);
    if (before !== undefined && before !== origin && !isDeepStrictEqual(shapeOf(before, isOpen), shape)) {
      throw new Error(`two different schemas have the name ${name}`);
    }
    components.set(name, shape);
  }

  function shapeOf(schema: object, isAnswer: boolean): Json {
    const entries = Object.entries(schema).filter(
      ([key, value]) => (KEYWORDS.has(key) || key.startsWith('x-')) && !(isAnswer && key === 'additionalProperties' && value === false),
    );
    return Object.fromEntries(entries.map(([key, value]) => [key, describeValue(key, value, isAnswer)]));
  }

  function describeValue(key: string, value: unknown, isAnswer: boolean): unknown {
    if (typeof value !== 'object' || value === null || VALUES.has(key) || key.startsWith('x-')) return value;
    if (Array.isArray(value)) return value.map((each) => (typeof each === 'object' ? describe(each, isAnswer) : each));
    if (!MAPS.has(key)) return describe(value, isAnswer);
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, describe(each as object, isAnswer)]));
  }

  return { describe, components };
}
