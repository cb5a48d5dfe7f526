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
export const Nullable = <Schema extends TSchema>(schema: Schema, options: TSchemaOptions = {}) =>
  Type.Union([schema, Type.Null()], options);

/**
 * A field of a body that may be left out or be null: in a PATCH it then stays as it is, or is taken away.
 * @param schema of one type, which null is added to: of a union a refusal would tell what is wrong with each of its members.
 */
export const Nullish = <Schema extends TSchema & { readonly type: string }>(schema: Schema) =>
  Type.Optional(Type.Unsafe<Static<Schema> | null>({ ...schema, type: [schema.type, 'null'] }));

/** A time in an answer. The handler gives a `Date`, which the serializer writes faster than `toISOString`; UTC with milliseconds. */
export const Timestamp = (options: TSchemaOptions = {}) => Type.Unsafe<Date>(Type.String({ format: 'date-time', ...options }));

/** The parameters of a path that ends in `/:id`. @param id a UUID if nothing else is said. */
export function IdParams(): TObject<{ id: TString }>;
export function IdParams<Id extends TSchema>(id: Id): TObject<{ id: Id }>;
export function IdParams(id: TSchema = Type.String({ format: 'uuid' })): TObject {
  return Type.Object({ id });
}
