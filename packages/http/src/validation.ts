import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { FastifyInstance, FastifySchemaCompiler, FastifyTypeProvider, RouteOptions } from 'fastify';
import type { Static, TSchema } from 'typebox';
import { httpErrors } from './http-errors.ts';
import { normaliseTexts, singleLineKeyword } from './text.ts';

/** Lets a handler see its body, query and params with the types of their schemas. */
export interface TypeBoxProvider extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
  serializer: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
}

/**
 * Two validators: bodies are taken as they are, while queries, params and headers, which are text, are coerced. The rules of
 * texts hold for these too (a body was checked when it was read). Nothing is removed, unknown properties are refused.
 */
export function createValidatorCompiler(): FastifySchemaCompiler<TSchema> {
  const strict = createAjv(false);
  const coercing = createAjv('array');
  return ({ schema, httpPart }) => {
    if (httpPart === 'body') return strict.compile(schema) as ValidateFunction;
    // The other headers, which a schema does not name, are bytes that HTTP allows (RFC 9110 §5.5), and no texts of ours.
    if (httpPart === 'headers') return coercing.compile(lowerNames(schema)) as ValidateFunction;
    return checkingTexts(coercing.compile(schema) as ValidateFunction);
  };
}

/** A schema names headers as people write them; Node gives them in lower case. */
const lowerNames = ({ properties = {}, ...others }: TSchema & { properties?: Record<string, TSchema> }): object => ({
  ...others,
  properties: Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name.toLowerCase(), schema])),
});

/** What the router and the parser of queries give is flat: the first step of a path is the parameter's name. */
function checkingTexts(validate: ValidateFunction) {
  return (parameters: unknown) => {
    const fields = normaliseTexts(parameters).map(({ path, message }) => ({ path: path.split('/')[1] as string, message }));
    if (fields.length > 0) return { error: httpErrors.validation_failed({ fields }) };
    if (!validate(parameters)) return { error: Object.assign(new Error('not valid'), { validation: validate.errors }) };
    // The validator takes `1e999` for a number, and looks at no limit of what is not finite.
    const endless = Object.entries(parameters as object).flatMap(([path, value]) =>
      typeof value === 'number' && !Number.isFinite(value) ? { path, message: 'must be a finite number' } : [],
    );
    return endless.length > 0 ? { error: httpErrors.validation_failed({ fields: endless }) } : { value: parameters };
  };
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** `strictNumbers` refuses what `1e999` becomes: JSON has no infinity, but its parser makes one. */
function createAjv(coerceTypes: boolean | 'array') {
  const ajv = new Ajv({ coerceTypes, useDefaults: true, allErrors: true, strict: false, strictNumbers: true, validateFormats: true });
  addFormats.default(ajv);
  // Theirs takes `urn:uuid:` before it, which the database does not.
  ajv.addFormat('uuid', UUID);
  ajv.addKeyword(singleLineKeyword);
  return ajv;
}

/** A schema that forgets to refuse unknown properties does not start. */
export function refuseOpenSchemas(http: FastifyInstance): void {
  http.addHook('onRoute', ({ url, schema }: RouteOptions) => {
    for (const part of ['body', 'querystring', 'params'] as const) {
      const shape = schema?.[part] as { type?: string; additionalProperties?: unknown } | undefined;
      if (shape?.type === 'object' && shape.additionalProperties !== false && part !== 'params') {
        throw new Error(`${url}: the schema of its ${part} must say additionalProperties: false`);
      }
    }
  });
}
