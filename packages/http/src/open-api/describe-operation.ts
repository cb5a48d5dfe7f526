import { STATUS_CODES } from 'node:http';
import type { FastifyContextConfig, FastifySchema } from 'fastify';
import { PROBLEM_MEDIA_TYPE, type ProblemExamples } from '../problem.ts';
import { type AnswerHeader, headerReferences, headersOfRoute } from './answer-headers.ts';
import type { ProblemResponses } from './problem-responses.ts';
import type { Schemas } from './schemas.ts';

interface Media {
  readonly schema: object;
  readonly examples?: ProblemExamples;
}

/** What a route says of one status: a schema with what `Answer` adds, or answers of several media types. */
interface DeclaredAnswer {
  readonly description?: string;
  readonly headers?: readonly AnswerHeader[];
  readonly type?: unknown;
  readonly content?: Readonly<Record<string, Media>>;
}

interface Route {
  readonly method: string | readonly string[];
  readonly url: string;
  readonly schema: FastifySchema;
  readonly config: FastifyContextConfig;
}

interface Body {
  readonly type?: unknown;
  readonly description?: string;
  readonly examples?: readonly unknown[];
}

/** The request's body and all answers of an operation, in the form of OpenAPI 3.1. */
export function describeOperation({ method, url, schema, config }: Route, schemas: Schemas, problems: ProblemResponses) {
  const ofRoute = headersOfRoute(url, config);
  const answers = Object.entries((schema.response ?? {}) as Record<string, DeclaredAnswer>);
  const responses = answers.map(([status, answer]): [string, object] => [status, describeAnswer(Number(status), answer)]);
  if (isConditional(method, answers)) responses.push(['304', answerWith('Still the state that `If-None-Match` names. No body.', ['ETag'])]);
  return {
    ...(schema.body === undefined ? {} : { requestBody: describeBody(schema.body as Body) }),
    responses: responses.length === 0 ? { 200: answerWith('OK', []) } : Object.fromEntries(responses),
  };

  function describeAnswer(status: number, answer: DeclaredAnswer): object {
    const { description = STATUS_CODES[status] ?? '', headers = [], content } = answer;
    const examples = content?.[PROBLEM_MEDIA_TYPE]?.examples;
    if (content !== undefined && examples !== undefined && Object.keys(content).length === 1) {
      return problems.refer(status, examples, config.idempotent === true);
    }
    return { ...answerWith(description, headers), ...describeContent(answer) };
  }

  function answerWith(description: string, headers: readonly AnswerHeader[]) {
    return { description, headers: headerReferences([...ofRoute, ...headers]) };
  }

  function describeContent(answer: DeclaredAnswer): object {
    if (answer.type === 'null') return {};
    const { 'application/json': json, ...others } = answer.content ?? { 'application/json': { schema: answer } };
    const media = Object.entries(others).map(([type, { schema, examples }]) => [
      type,
      examples === undefined ? { schema: schemas.describe(schema, true) } : problems.media(examples),
    ]);
    return { content: { ...(json && { 'application/json': { schema: describeJson(json.schema) } }), ...Object.fromEntries(media) } };
  }

  /** Without the description, which is that of the answer. */
  function describeJson(schema: object): object {
    const { description: _description, ...described } = schemas.describe(schema, true);
    return described;
  }

  function describeBody(body: Body): object {
    const described = schemas.describe(body, false);
    const { examples: [example] = [] } = body;
    delete described['examples'];
    return {
      ...(body.description && { description: body.description }),
      // A route that takes null takes no body as well.
      required: !(Array.isArray(body.type) && body.type.includes('null')),
      content: { 'application/json': { schema: described, ...(example === undefined ? {} : { example }) } },
    };
  }
}

/** Whether a route answers 304 to clients that have its answer already. */
export const isConditional = (method: string | readonly string[], answers: readonly (readonly [string, DeclaredAnswer])[]): boolean =>
  [method].flat().includes('GET') && answers.some(([status, { headers }]) => status === '200' && headers?.includes('ETag'));
