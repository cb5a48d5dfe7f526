import type { TSchema } from 'typebox';

const readers = new WeakMap<TSchema, TSchema>();

/**
 * What a reader expects of data that is published by `schema`: the same, and any other property besides, as those that a newer publisher adds.
 * Who publishes is held to the schema itself.
 */
export function readerSchema(schema: TSchema): TSchema {
  const known = readers.get(schema);
  if (known !== undefined) return known;
  const open = (key: string, value: unknown) => (key === 'additionalProperties' && value === false ? undefined : value);
  const reader: TSchema = JSON.parse(JSON.stringify(schema, open));
  readers.set(schema, reader);
  return reader;
}
