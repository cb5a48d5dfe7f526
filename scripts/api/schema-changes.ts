/** A JSON Schema as the documents have it, references resolved step by step. */
export type Schema = Readonly<Record<string, unknown>>;

/** Finds the shape behind a `$ref` of one document. */
export type Resolve = (schema: Schema) => Schema;

export interface Direction {
  /** In an answer a client reads what the server sends; in a request the server reads what an older client sends. */
  readonly isAnswer: boolean;
  /** The reader refuses what its schema does not allow, as the subscriber of an event does; clients of HTTP take any value. */
  readonly isChecked?: boolean;
  readonly before: Resolve;
  readonly after: Resolve;
}

/** A limit that gets tighter when it gets lower, or higher. */
const LOWER = ['maxLength', 'maximum', 'exclusiveMaximum', 'maxItems', 'maxProperties'];
const HIGHER = ['minLength', 'minimum', 'exclusiveMinimum', 'minItems', 'minProperties'];
const SAME = ['pattern', 'multipleOf', 'uniqueItems'];

/** What a client of the schema before meets in the one after: each break with its place, nothing for an addition that it takes. */
export function schemaBreaks(before: Schema, after: Schema, direction: Direction): string[] {
  /** Which properties are being compared with which: a schema may refer to itself. */
  const inside = new Map<unknown, unknown>();
  return compare(before, after, '');

  function compare(one: Schema, other: Schema, path: string): string[] {
    const [was, is] = [alternatives(one, direction.before), alternatives(other, direction.after)];
    // A reader must know each alternative of the writer.
    const [written, read] = direction.isAnswer ? [is, was] : [was, is];
    const verb = direction.isAnswer ? 'may now be' : 'may no longer be';
    return written.flatMap((alternative) => {
      const tries = read
        .filter((each) => takes(each, alternative))
        .map((each) => (direction.isAnswer ? compareOne(each, alternative, path) : compareOne(alternative, each, path)));
      if (tries.length === 0) return [`${path || 'it'} ${verb} ${typeOf(alternative)}`];
      return tries.reduce((best, each) => (each.length < best.length ? each : best));
    });
  }

  function compareOne(one: Schema, other: Schema, path: string): string[] {
    return [
      ...compareValues(one, other, path),
      ...(direction.isAnswer ? [] : compareLimits(one, other, path, 'narrower')),
      ...(direction.isAnswer && direction.isChecked
        ? [...compareNewValues(one, other, path), ...compareLimits(other, one, path, 'looser')]
        : []),
      ...compareProperties(one, other, path),
      ...(isSchema(one['items']) && isSchema(other['items']) ? compare(one['items'], other['items'], `${path}[]`) : []),
    ];
  }

  function compareValues(one: Schema, other: Schema, path: string): string[] {
    const [was, is] = [valuesOf(one), valuesOf(other)];
    const format = one['format'] !== other['format'] && (direction.isAnswer ? one['format'] !== undefined : other['format'] !== undefined);
    return [
      ...(format ? [`${path || 'it'} has another format: ${String(other['format'])}`] : []),
      ...(was !== undefined && is !== undefined
        ? was.filter((value) => !is.includes(value)).map((value) => `${path || 'it'} is no longer ${JSON.stringify(value)}`)
        : []),
      ...(was === undefined && is !== undefined && !direction.isAnswer ? [`${path || 'it'} must now be one of ${is.join(', ')}`] : []),
    ];
  }

  function compareNewValues(one: Schema, other: Schema, path: string): string[] {
    const [was, is] = [valuesOf(one), valuesOf(other)];
    if (was === undefined) return [];
    if (is === undefined) return [`${path || 'it'} may now have any value`];
    return is.filter((value) => !was.includes(value)).map((value) => `${path || 'it'} may now be ${JSON.stringify(value)}`);
  }

  /** What the writer's schema allows and the reader's does not. */
  function compareLimits(writer: Schema, reader: Schema, path: string, how: 'narrower' | 'looser'): string[] {
    const tighter = (key: string, isTighter: (was: number, is: number) => boolean) => {
      const [was, is] = [writer[key], reader[key]];
      return typeof is === 'number' && (typeof was !== 'number' || isTighter(was, is));
    };
    const keys = [
      ...LOWER.filter((key) => tighter(key, (was, is) => is < was)),
      ...HIGHER.filter((key) => tighter(key, (was, is) => is > was)),
      ...SAME.filter((key) => reader[key] !== undefined && reader[key] !== false && writer[key] !== reader[key]),
    ];
    const after = how === 'narrower' ? reader : writer;
    return keys.map((key) => `${path || 'it'} has a ${how} ${key}: ${String(after[key] ?? 'none')}`);
  }

  function compareProperties(one: Schema, other: Schema, path: string): string[] {
    const [mine, theirs] = [one['properties'], other['properties']];
    if (mine !== undefined && inside.get(mine) === theirs) return [];
    inside.set(mine, theirs);
    const breaks = compareFields(one, other, path);
    inside.delete(mine);
    return breaks;
  }

  function compareFields(one: Schema, other: Schema, path: string): string[] {
    const [was, is] = [propertiesOf(one), propertiesOf(other)];
    const [needed, needs] = [requiredOf(one), requiredOf(other)];
    const at = (name: string) => (path === '' ? name : `${path}.${name}`);
    const closed = other['additionalProperties'] === false;
    return [
      ...Object.keys(was).flatMap((name) => {
        const [before, after] = [was[name] as Schema, is[name]];
        if (after === undefined) return direction.isAnswer || closed ? [`${at(name)} is gone`] : [];
        const optional = direction.isAnswer && needed.includes(name) && !needs.includes(name) ? [`${at(name)} may now be absent`] : [];
        return [...optional, ...compare(before, after, at(name))];
      }),
      ...(direction.isAnswer ? [] : needs.filter((name) => !needed.includes(name)).map((name) => `${at(name)} is now required`)),
      ...(!direction.isAnswer && closed && one['type'] === 'object' && one['additionalProperties'] !== false
        ? [`${path || 'it'} takes no other fields any more`]
        : []),
    ];
  }
}

/** The shapes of one type each that a schema allows: of `anyOf`, `oneOf` and lists of types; fixed values of one type are one shape. */
function alternatives(schema: Schema, resolve: Resolve): Schema[] {
  const { $ref, anyOf, oneOf, allOf, type, ...rest } = schema as Record<string, unknown>;
  if ($ref !== undefined) return alternatives(resolve(schema), resolve);
  const several = (anyOf ?? oneOf) as Schema[] | undefined;
  if (several !== undefined) return joinValues(several.flatMap((each) => alternatives({ ...rest, ...each }, resolve)));
  if (allOf !== undefined) return [mergeAll((allOf as Schema[]).flatMap((each) => alternatives(each, resolve)))];
  if (Array.isArray(type)) return type.map((each) => ({ ...rest, type: each }));
  return [schema];
}

function joinValues(schemas: readonly Schema[]): Schema[] {
  const fixed = Map.groupBy(
    schemas.filter((schema) => valuesOf(schema) !== undefined),
    typeOf,
  );
  const joined = [...fixed.values()].map(([first, ...others]) => ({
    ...first,
    const: undefined,
    enum: [first as Schema, ...others].flatMap((each) => valuesOf(each) ?? []),
  }));
  return [...schemas.filter((schema) => valuesOf(schema) === undefined), ...joined];
}

function mergeAll(schemas: readonly Schema[]): Schema {
  const properties: Record<string, Schema> = {};
  for (const [name, schema] of schemas.flatMap((each) => Object.entries(propertiesOf(each)))) {
    properties[name] = { ...properties[name], ...schema };
  }
  return Object.assign({}, ...schemas, { properties, required: schemas.flatMap(requiredOf) }) as Schema;
}

/** Whether a reader of `reader` can read `written` at all: the types fit. */
const takes = (reader: Schema, written: Schema): boolean => {
  const [wanted, given] = [typeOf(reader), typeOf(written)];
  return wanted === 'anything' || wanted === given || (wanted === 'number' && given === 'integer');
};

const typeOf = (schema: Schema): string => {
  const [value] = valuesOf(schema) ?? [];
  if (schema['type'] !== undefined) return String(schema['type']);
  if (value !== undefined) return value === null ? 'null' : typeof value;
  return schema['properties'] === undefined ? 'anything' : 'object';
};

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null;
const valuesOf = (schema: Schema): unknown[] | undefined =>
  schema['const'] === undefined ? (schema['enum'] as unknown[] | undefined) : [schema['const']];
const propertiesOf = (schema: Schema) => (schema['properties'] ?? {}) as Record<string, Schema>;
const requiredOf = (schema: Schema) => (schema['required'] ?? []) as string[];
