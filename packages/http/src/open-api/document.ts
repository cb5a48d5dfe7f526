import type { SwaggerTransform, SwaggerTransformObject } from '@fastify/swagger';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { ANSWER_HEADERS } from './answer-headers.ts';
import { type OpenApiDocument, usedComponents } from './components.ts';
import { describeOperation, isConditional } from './describe-operation.ts';
import { createProblemResponses } from './problem-responses.ts';
import { createSchemas } from './schemas.ts';

/** Where the operation is kept, through `@fastify/swagger`, until the document is put together. */
const DESCRIBED = 'x-described';

const IF_NONE_MATCH = { type: 'string', description: 'The `ETag` of the answer that is there already: 304 where it is still the same.' };

/**
 * How an instance's routes become its OpenAPI document: named schemas and errors are declared once and referred to. Routes keep their
 * schemas as they are, so that validation and serialisation know nothing of it.
 */
export function describeRoutes() {
  const schemas = createSchemas();
  const problems = createProblemResponses(schemas);

  const transform: SwaggerTransform = ({ schema, url, route }) => {
    if (schema === undefined || schema.hide) return { schema, url };
    const { method, config = {} } = route;
    const described = describeOperation({ method, url, schema, config }, schemas, problems);
    const { body: _body, response, querystring, params, headers, security = [], ...rest } = schema;
    const conditional = isConditional(method, Object.entries(response ?? {}));
    const parts = {
      querystring: querystring && schemas.describe(querystring, false),
      params: params && schemas.describe(params, false),
      headers: conditional ? withIfNoneMatch(headers) : headers && schemas.describe(headers, false),
    };
    return { url, schema: { ...rest, ...parts, security, [DESCRIBED]: described } as FastifySchema };
  };

  const transformObject: SwaggerTransformObject = (made) => {
    const document = ('openapiObject' in made ? made.openapiObject : {}) as unknown as OpenApiDocument;
    for (const operation of Object.values(document.paths ?? {}).flatMap(Object.values)) {
      const described = operation[DESCRIBED];
      delete operation[DESCRIBED];
      delete operation.responses;
      Object.assign(operation, described);
    }
    const components = {
      ...document.components,
      schemas: sorted(schemas.components),
      responses: sorted(problems.responses),
      examples: sorted(problems.examples),
      headers: ANSWER_HEADERS,
    };
    return { ...document, components: usedComponents({ ...document, components }) } as never;
  };

  return { transform, transformObject };

  function withIfNoneMatch(headers: unknown): object {
    const { properties = {} } = (headers ?? {}) as { properties?: object };
    return schemas.describe({ type: 'object', properties: { ...properties, 'If-None-Match': IF_NONE_MATCH } }, false);
  }
}

/** The description of an instance, once all of its routes are declared. */
export const openApiOf = (http: FastifyInstance): OpenApiDocument => http.swagger() as unknown as OpenApiDocument;

const sorted = (map: ReadonlyMap<string, object>) => Object.fromEntries([...map].sort(([one], [other]) => (one < other ? -1 : 1)));
