import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { FastifyInstance } from 'fastify';
import type { OpenApiDocument } from '../open-api/components.ts';
import { openApiOf } from '../open-api/document.ts';
import { SECURITY_HEADERS } from '../security-headers.ts';

/** One answer of a route, as it left. */
export interface SeenAnswer {
  readonly method: string;
  /** The pattern of the route: `/v1/users/:id`. */
  readonly url: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

interface Response {
  readonly $ref?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, { readonly schema?: object; readonly examples?: object }>>;
}

/** Of HTTP itself, or on every answer: no description names them. */
const UNTOLD = new Set(['content-type', 'content-length', 'connection', 'date', ...Object.keys(SECURITY_HEADERS)]);

/** @returns a check that lists where an answer differs from the instance's OpenAPI document; nothing for a route that is not in it. */
export function createAnswerCheck(http: FastifyInstance): (answer: SeenAnswer) => string[] {
  const document = openApiOf(http);
  const ajv = new Ajv2020({ strict: false, validateSchema: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(document, 'document');
  const compiled = new Map<string, ValidateFunction>();

  return ({ method, url, status, headers, body }) => {
    const found = responsesOf(document, method, url);
    if (found === undefined) return [];
    const [response, pointer] = found.of(status);
    const answer = `${method} ${url}: ${status}`;
    if (response === undefined) return [`${answer} ${codeOf(body)} is not declared`];
    const declared = new Set(Object.keys(response.headers ?? {}).map((name) => name.toLowerCase()));
    const unknown = Object.entries(headers).filter(([name, value]) => value !== undefined && !declared.has(name) && isTold(name, value));
    const type = String(headers['content-type'] ?? '').split(';')[0] as string;
    return [
      ...unknown.map(([name]) => `${answer} has the header ${name}, which is not declared`),
      ...faultsOfBody(answer, response, pointer, type, body),
    ];
  };

  function faultsOfBody(answer: string, { content = {} }: Response, pointer: string, type: string, body: unknown): string[] {
    if (body === undefined || body === null || body === '') return [];
    if (!(type in content)) return [`${answer} is ${type}, which is not declared`];
    if (typeof body !== 'string' || !type.endsWith('json')) return [];
    const schema = `${pointer}/content/${type.replace('/', '~1')}/schema`;
    const validate = compiled.get(schema) ?? ajv.compile({ $ref: `document${schema}` });
    compiled.set(schema, validate);
    return validate(JSON.parse(body)) ? [] : [`${answer} ${codeOf(body)} does not fit: ${ajv.errorsText(validate.errors)}`];
  }
}

/** The codes that each status of an operation may have, by its document. */
export function declaredCodes(http: FastifyInstance, method: string, url: string): Record<string, string[]> {
  const found = responsesOf(openApiOf(http), method, url);
  if (found === undefined) throw new Error(`the document has no ${method} ${url}`);
  const codes = found.statuses.map((status): [string, string[]] => [
    status,
    Object.keys(found.of(Number(status))[0]?.content?.['application/problem+json']?.examples ?? {}),
  ]);
  return Object.fromEntries(codes.filter(([, list]) => list.length > 0));
}

function responsesOf({ paths = {}, components = {} }: OpenApiDocument, method: string, url: string) {
  const path = url.replaceAll(/:(\w+)/g, '{$1}');
  // HEAD is answered as GET is, and not described by itself.
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
  const responses = paths[path]?.[verb]?.responses as Record<string, Response> | undefined;
  if (responses === undefined) return undefined;
  return {
    statuses: Object.keys(responses),
    /** With its JSON pointer. */
    of(status: number): [Response | undefined, string] {
      const declared = responses[status];
      const shared = declared?.$ref?.slice('#/components/responses/'.length);
      if (shared !== undefined) return [components['responses']?.[shared] as Response, `#/components/responses/${shared}`];
      return [declared, `#/paths/${encodeURIComponent(path.replaceAll('/', '~1'))}/${verb}/responses/${status}`];
    },
  };
}

const isTold = (name: string, value: unknown) => (name === 'cache-control' ? value !== 'no-store' : !UNTOLD.has(name));

function codeOf(body: unknown): string {
  return typeof body === 'string' ? (/"code":"(\w+)"/.exec(body)?.[1] ?? '') : '';
}
