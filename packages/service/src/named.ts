import type { TSchema } from 'typebox';

const kName = Symbol('stoa.schemaName');

export interface NamedSchema {
  readonly name: string;
  /** The schema that was given the name; a copy of it may say another `description`. */
  readonly schema: TSchema;
}

/**
 * Gives a schema the name by which descriptions of an API share it, so that a generated client has a type of this name: `User`.
 * The same object comes back, and validates and serialises as before. A copy made by spreading keeps the name.
 * @throws TypeError when it has a name already.
 */
export function named<Schema extends TSchema>(name: string, schema: Schema): Schema {
  return Object.defineProperty(schema, kName, { value: { name, schema }, enumerable: true });
}

/** What `named` has said of a schema, or of what it is a copy of. */
export const nameOf = (schema: object): NamedSchema | undefined => (schema as { [kName]?: NamedSchema })[kName];
