import type { TSchema } from 'typebox';

/** A UUID in any letter case (RFC 9562 §4), without a prefix, which the database does not take. */
export const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** The one form in which ids are compared, kept and written: lower case. What is no id stays as it is. */
export const canonicalId = (text: string): string => (UUID.test(text) ? text.toLowerCase() : text);

/** Brings the ids in a value into their one form, in place. @returns the value, or another for a scalar. */
export type Canonicalise = (value: unknown) => unknown;

interface Shape {
  readonly format?: string;
  readonly anyOf?: readonly Shape[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly patternProperties?: Readonly<Record<string, Shape>>;
  readonly additionalProperties?: Shape | boolean;
}

/** @returns what brings the ids into their form where the schema has some (`format: 'uuid'`); undefined where it has none. */
export function canonicaliserOf(schema: TSchema): Canonicalise | undefined {
  const shape = schema as Shape;
  const steps = [ofScalar(shape), ofBranches(shape), ofProperties(shape), ofItems(shape)].filter((step) => step !== undefined);
  return steps.length === 0 ? undefined : (value) => steps.reduce((changed, step) => step(changed), value);
}

const ofScalar = ({ format }: Shape): Canonicalise | undefined =>
  format === 'uuid' ? (value) => (typeof value === 'string' ? canonicalId(value) : value) : undefined;

function ofBranches({ anyOf = [] }: Shape): Canonicalise | undefined {
  const branches = anyOf.map((branch) => canonicaliserOf(branch as TSchema)).filter((branch) => branch !== undefined);
  return branches.length === 0 ? undefined : (value) => branches.reduce((changed, branch) => branch(changed), value);
}

function ofProperties({ properties = {}, patternProperties = {}, additionalProperties }: Shape): Canonicalise | undefined {
  const known = Object.entries(properties).flatMap(([name, each]) => {
    const canonicalise = canonicaliserOf(each as TSchema);
    return canonicalise === undefined ? [] : [[name, canonicalise] as const];
  });
  // For names that the schema does not list.
  const free = [...Object.values(patternProperties), ...(typeof additionalProperties === 'object' ? [additionalProperties] : [])];
  const others = free.map((each) => canonicaliserOf(each as TSchema)).filter((each) => each !== undefined);
  if (known.length === 0 && others.length === 0) return undefined;
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const container = value as Record<string, unknown>;
    for (const [name, canonicalise] of known) if (Object.hasOwn(container, name)) container[name] = canonicalise(container[name]);
    if (others.length === 0) return value;
    for (const name of Object.keys(container)) {
      if (!Object.hasOwn(properties, name)) container[name] = others.reduce((changed, step) => step(changed), container[name]);
    }
    return value;
  };
}

function ofItems({ items }: Shape): Canonicalise | undefined {
  const canonicalise = items === undefined ? undefined : canonicaliserOf(items as TSchema);
  if (canonicalise === undefined) return undefined;
  return (value) => {
    // A parameter that came once is a list of one.
    if (!Array.isArray(value)) return canonicalise(value);
    for (const [index, item] of value.entries()) value[index] = canonicalise(item);
    return value;
  };
}
