import { nameOf } from '@stoa/service';
import {
  type Static,
  type TObject,
  type TObjectOptions,
  type TProperties,
  type TSchema,
  type TSchemaOptions,
  type TString,
  Type,
} from 'typebox';

/**
 * A body or query: what it does not name is refused. An answer takes `Type.Object`, as it shows what its schema names and nothing else,
 * and may get more fields later.
 */
export const StrictObject = <Properties extends TProperties>(properties: Properties, options: TObjectOptions = {}): TObject<Properties> =>
  Type.Object(properties, { additionalProperties: false, ...options });

/** What an answer may show as null: `name: Nullable(Type.String(), { description: 'Null where there is none.' })`. */
export function Nullable<Schema extends TSchema>(schema: Schema, options: TSchemaOptions = {}) {
  // A list of types is written as fast as one type; a union is validated first, to find the member that fits.
  const nullable = isPlainScalar(schema)
    ? { ...schema, type: [schema.type, 'null'], ...options }
    : Type.Union([schema, Type.Null()], options);
  return Type.Unsafe<Static<Schema> | null>(nullable);
}

const SCALARS: readonly unknown[] = ['string', 'number', 'integer', 'boolean'];

/** A named schema stays a member of its own, as its name stands for all of it. */
const isPlainScalar = (schema: TSchema): schema is TSchema & { readonly type: string } =>
  'type' in schema && SCALARS.includes(schema.type) && nameOf(schema) === undefined;

/**
 * A field of a body that may be left out or be null: in a PATCH it then stays as it is, or is taken away.
 * @param schema of one type, which null is added to: a refusal of a union would list the faults of each of its members.
 */
export const Nullish = <Schema extends TSchema & { readonly type: string }>(schema: Schema) =>
  Type.Optional(Type.Unsafe<Static<Schema> | null>({ ...schema, type: [schema.type, 'null'] }));

/** A time in an answer. The handler gives a `Date`, which the serializer writes faster than `toISOString`; UTC with milliseconds. */
export const Timestamp = (options: TSchemaOptions = {}) => Type.Unsafe<Date>(Type.String({ format: 'date-time', ...options }));

/** The parameters of a path that ends in `/:id`. @param id a UUID by default. */
export function IdParams(): TObject<{ id: TString }>;
export function IdParams<Id extends TSchema>(id: Id): TObject<{ id: Id }>;
export function IdParams(id: TSchema = Type.String({ format: 'uuid' })): TObject {
  return Type.Object({ id });
}
