import { type Canonicalise, canonicaliserOf } from '@stoa/service';
import type { TSchema } from 'typebox';

const canonicalisers = new WeakMap<TSchema, Canonicalise>();
const readers = new WeakMap<TSchema, TSchema>();

/**
 * What a reader expects of data that is published by `schema`: the same, and any other property besides, as those that a newer publisher adds.
 * Publishers are held to the schema itself.
 */
export function readerSchema(schema: TSchema): TSchema {
  const known = readers.get(schema);
  if (known !== undefined) return known;
  const open = (key: string, value: unknown) => (key === 'additionalProperties' && value === false ? undefined : value);
  const reader: TSchema = JSON.parse(JSON.stringify(schema, open));
  readers.set(schema, reader);
  return reader;
}

/** Data as a reader gets it: ids in their one form, as those of requests, wherever the schema says that there is one. Changes `data` in place. */
export function canonicalData(schema: TSchema, data: unknown): unknown {
  let canonicalise = canonicalisers.get(schema);
  if (canonicalise === undefined) {
    canonicalise = canonicaliserOf(schema) ?? ((same) => same);
    canonicalisers.set(schema, canonicalise);
  }
  return canonicalise(data);
}
