import { type Canonicalise, canonicaliserOf, type FieldError, UUID } from '@stoa/service';
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { FastifyContextConfig, FastifyInstance, FastifyRequest, FastifySchema, FastifyTypeProvider, RouteOptions } from 'fastify';
import type { Static, TSchema } from 'typebox';
import { entityTagsKeyword } from './entity-tags.ts';
import { type Fault, toFault, validationFailed } from './faults.ts';
import { maxTextOf } from './json-bounds.ts';
import { hasTooManyParameters, NO_QUERY, refusesQuery, TOO_MANY_PARAMETERS } from './queries.ts';
import { normaliseTexts, singleLineKeyword, visibleKeyword } from './text.ts';

/** Lets a handler see its body, query and params with the types of their schemas, and answer with what has that of its response's. */
export interface TypeBoxProvider extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
  serializer: this['schema'] extends TSchema ? DeepReadonly<Static<this['schema']>> : unknown;
}

/** An answer is only read: what nobody may change can be one. */
type DeepReadonly<T> = T extends Date
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
      : T;

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * What the rules of the domain refuse in a body's fields. Called when something else is wrong with the request, so that one answer
     * lists everything; else the use case checks them. `draft` has those fields alone that fit the schema.
     */
    rules?(draft: object, request: FastifyRequest): readonly FieldError[] | Promise<readonly FieldError[]>;
  }
}

/**
 * Validates every part of a request by its schema, and lists all that is wrong with them in one answer; Fastify itself stops at the first
 * part. Bodies are taken as they are, while queries, parameters and headers, which are text, are coerced. Ids are brought into their one
 * form, texts into normal form C. Nothing is removed, unknown properties are refused.
 */
export function installValidation(http: FastifyInstance): void {
  const compiled = new WeakMap<FastifySchema, readonly Part[]>();
  const schemas: FastifySchema[] = [];
  const withoutQuery = new WeakSet<FastifySchema>();
  // A HEAD route shares the schema of its GET. Other hooks add to a schema after this one has seen it.
  const partsOf = (schema: FastifySchema): readonly Part[] => {
    const parts = compiled.get(schema) ?? compileParts(withoutQuery.has(schema) ? { ...schema, querystring: NO_QUERY } : schema);
    compiled.set(schema, parts);
    return parts;
  };
  http.setValidatorCompiler(() => () => true);
  http.addHook('onRoute', (route) => {
    const takesNoQuery = refusesQuery(route);
    const schema = route.schema ?? (takesNoQuery ? {} : undefined);
    if (schema === undefined) return;
    if (takesNoQuery) withoutQuery.add(schema);
    schemas.push(schema);
    const rules = route.config?.rules;
    route.preValidation = [
      ...[route.preValidation ?? []].flat(),
      (request, _reply, done) => {
        const faults = faultsOfAll(partsOf(schema), request);
        if (faults.length === 0) done();
        else if (rules === undefined) done(validationFailed(faults));
        else withRules(rules, request, faults).then((all) => done(validationFailed(all)), done);
      },
    ];
  });
  // At the start, so that a schema that cannot be compiled is not found by a client.
  http.addHook('onReady', async () => schemas.forEach(partsOf));
}

/** Checks the valid fields of the body against the rules of the domain. */
async function withRules(rules: Rules, request: FastifyRequest, faults: readonly Fault[]): Promise<readonly Fault[]> {
  const { body } = request;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return faults;
  const nameIn = (path: string) => path.split('/')[1] as string;
  const wrong = new Set(faults.map(({ path }) => nameIn(path)));
  const draft = Object.fromEntries(Object.entries(body).filter(([name]) => !wrong.has(name)));
  const refused = await rules(draft, request);
  return [...faults, ...refused.filter(({ path }) => !wrong.has(nameIn(path)))];
}

type Rules = NonNullable<FastifyContextConfig['rules']>;

/** A list of its own only where there are faults: this runs for each request. */
function faultsOfAll(parts: readonly Part[], request: FastifyRequest): readonly Fault[] {
  let faults: readonly Fault[] = NONE;
  for (const part of parts) {
    const found = part.faultsIn(request);
    if (found.length > 0) faults = [...faults, ...found];
  }
  return faults;
}

const NONE: readonly Fault[] = [];

interface Part {
  /** Coerces and normalises what the request has there, and says what is wrong with it. */
  faultsIn(request: FastifyRequest): readonly Fault[];
}

/** Of the whole process: instances share the schemas that their services declare once, and what is compiled of them. */
interface Compiler {
  readonly ajv: Ajv;
  readonly known: WeakMap<object, ValidateFunction>;
}
const strict: Compiler = { ajv: createAjv(false), known: new WeakMap() };
const coercing: Compiler = { ajv: createAjv('array'), known: new WeakMap() };

/** @param of the schema as it was declared, where `schema` is made of it. */
function validatorOf({ ajv, known }: Compiler, schema: TSchema, of: TSchema = schema): ValidateFunction {
  const found = known.get(of);
  if (found !== undefined) return found;
  const validate = ajv.compile(schema);
  // It would keep all schemas that it has ever compiled.
  ajv.removeSchema(schema);
  known.set(of, validate);
  return validate;
}

function compileParts({ params, querystring, headers, body }: FastifySchema): Part[] {
  const parts: Part[] = [];
  if (params !== undefined) {
    const look = compile(params as TSchema, '/path', coercing);
    parts.push({ faultsIn: (request) => look(request.params) });
  }
  if (querystring !== undefined) {
    const look = compile(querystring as TSchema, '/query', coercing);
    parts.push({
      faultsIn({ raw: { url = '' }, query }) {
        // Most routes take no query, and most requests have none.
        if (querystring === NO_QUERY && !url.includes('?')) return NONE;
        return hasTooManyParameters(url) ? [TOO_MANY_PARAMETERS] : look(query);
      },
    });
  }
  if (headers !== undefined) {
    // The other headers, which a schema does not name, are bytes that HTTP allows (RFC 9110 §5.5), and no texts of ours.
    const validate = validatorOf(coercing, lowerNames(headers as TSchema) as TSchema, headers as TSchema);
    parts.push({ faultsIn: (request) => faultsOf(validate, request.headers, '/headers') });
  }
  if (body !== undefined) {
    const look = compile(body as TSchema, '', strict);
    parts.push({ faultsIn: (request) => look(request.body ?? null) });
  }
  return parts;
}

/** A schema names headers as people write them; Node gives them in lower case. */
const lowerNames = ({ properties = {}, ...others }: TSchema & { properties?: Record<string, TSchema> }): object => ({
  ...others,
  properties: Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name.toLowerCase(), schema])),
});

function compile(schema: TSchema, part: string, compiler: Compiler): (data: unknown) => Fault[] {
  const validate = validatorOf(compiler, schema);
  const canonicalise: Canonicalise | undefined = canonicaliserOf(schema);
  const budget = UNITS_OF_A_CHARACTER * maxTextOf(schema);
  return (data) => {
    canonicalise?.(data);
    const texts = normaliseTexts(data, part, budget);
    // What is no text is not judged as one.
    const judged = faultsOf(validate, data, part).filter(({ path }) => texts.every((fault) => fault.path !== path));
    return [...texts, ...judged];
  };
}

/** As many UTF-16 units make a character of the normal form at most, but in ancient Greek: a syllable of Hangul. */
const UNITS_OF_A_CHARACTER = 3;

function faultsOf(validate: ValidateFunction, data: unknown, part: string): Fault[] {
  const errors = validate(data) ? [] : (validate.errors ?? []);
  return [...errors.map((error) => toFault(part, error)).filter((fault) => fault !== undefined), ...endlessIn(data, part)];
}

/** The validator takes `1e999` in a query for a number, and looks at no limit of what is not finite. */
const endlessIn = (data: unknown, part: string): Fault[] =>
  part === ''
    ? []
    : Object.entries(data as object).flatMap(([name, value]) =>
        typeof value === 'number' && !Number.isFinite(value) ? { path: `${part}/${name}`, message: 'must be a finite number' } : [],
      );

const YEAR_10000 = Date.UTC(10_000, 0);

/** `strictNumbers` refuses what `1e999` becomes: JSON has no infinity, but its parser makes one. */
function createAjv(coerceTypes: boolean | 'array'): Ajv {
  const ajv = new Ajv({ coerceTypes, useDefaults: true, allErrors: true, strict: false, strictNumbers: true, validateFormats: true });
  addFormats.default(ajv);
  ajv.addFormat('uuid', UUID);
  const { validate: isTime } = ajv.formats['date-time'] as { validate(text: string): boolean };
  // A leap second is well-formed, and no time that anything here can hold; nor is a year of five digits.
  ajv.addFormat('date-time', (text) => isTime(text) && Date.parse(text) < YEAR_10000);
  ajv.addKeyword(singleLineKeyword);
  ajv.addKeyword(visibleKeyword);
  ajv.addKeyword(entityTagsKeyword);
  return ajv;
}

/** A schema that forgets to refuse unknown properties does not start. */
export function refuseOpenSchemas(http: FastifyInstance): void {
  http.addHook('onRoute', ({ url, schema }: RouteOptions) => {
    for (const part of ['body', 'querystring'] as const) {
      const shape = schema?.[part] as { type?: string; additionalProperties?: unknown } | undefined;
      if (shape?.type === 'object' && shape.additionalProperties !== false) {
        throw new Error(`${url}: the schema of its ${part} must say additionalProperties: false, as StrictObject does`);
      }
    }
  });
}
