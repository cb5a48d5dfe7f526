/** What a request takes, as a description of the API has it. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, BodySchema>>; readonly examples: Readonly<Record<string, unknown>> };
}
interface Operation {
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: BodySchema } } };
  readonly security?: readonly Readonly<Record<string, unknown>>[];
}
interface BodySchema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, FieldSchema>>;
}
interface FieldSchema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly examples?: readonly unknown[];
  readonly 'x-multiline'?: boolean;
}

/** The fields of the body that an operation takes. */
export function fieldsOf({ components }: OpenApi, { requestBody }: Operation): readonly (readonly [string, FieldSchema])[] {
  if (requestBody === undefined) return [];
  const { schema } = requestBody.content['application/json'];
  const { properties = {} } = (schema.$ref && components.schemas[schema.$ref.split('/').at(-1) as string]) || schema;
  return Object.entries(properties);
}

/** A body of examples, but for texts of any form, which are `text`. @returns nothing where a field has no example. */
export function bodyOf(fields: ReturnType<typeof fieldsOf>, text: string): Record<string, unknown> | undefined {
  const values = fields.map(([name, { type, format, pattern, examples = [] }]): [string, unknown] => {
    const isFree = type === 'string' && format === undefined && pattern === undefined;
    return [name, examples.length > 0 && isFree ? text : examples[0]];
  });
  return values.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(values);
}

/** By their names, the requests of `hostileRequests` that these fields allow: texts of several lines, and long ones. */
export const allowedBy = (fields: ReturnType<typeof fieldsOf>): string[] =>
  fields.flatMap(([name, { maxLength = 0, 'x-multiline': isMultiline }]) => [
    ...(isMultiline ? [`CRLF as ${name}`, `a line separator as ${name}`] : []),
    ...[12_000, 24_000].filter((length) => length <= maxLength).map((length) => `${length} characters as ${name}`),
  ]);
