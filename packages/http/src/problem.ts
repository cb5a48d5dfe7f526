import { AppError, type ErrorCatalogue, type ErrorKind, named } from '@stoa/service';
import type { RouteOptions } from 'fastify';
import { type Static, Type } from 'typebox';
import { httpErrors } from './http-errors.ts';
import { isCounted } from './open-api/answer-headers.ts';
import { refusesQuery } from './queries.ts';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';
export const PROBLEM_TYPE = `${PROBLEM_MEDIA_TYPE}; charset=utf-8`;

/** The only place where what went wrong becomes a status. */
export const statusOf: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  timeout: 408,
  conflict: 409,
  gone: 410,
  'precondition-failed': 412,
  'too-large': 413,
  'unsupported-media-type': 415,
  unprocessable: 422,
  'too-many': 429,
  'headers-too-large': 431,
  internal: 500,
  unavailable: 503,
};

/** An error answer by RFC 9457, with `code`, `requestId` and, for refused fields, `errors`. */
export const Problem = named(
  'Problem',
  Type.Object({
    type: Type.String({ description: 'A page on this server that explains the error.' }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable; what a program should check.' }),
    detail: Type.String(),
    requestId: Type.String({ description: 'The correlation id, to be quoted in a report.' }),
    errors: Type.Optional(Type.Array(named('FieldError', Type.Object({ path: Type.String(), message: Type.String() })))),
  }),
);

export type Problem = Static<typeof Problem>;

export function toProblem(error: AppError, requestId: string): Problem {
  const status = statusOf[error.kind];
  return {
    type: `/problems/${error.code}`,
    title: error.title,
    status,
    code: error.code,
    detail: error.message,
    requestId,
    ...(error.fields === undefined ? {} : { errors: [...error.fields] }),
  };
}

/** The headers that go with the answer: `Retry-After` and whatever the error brings. */
export function problemHeaders(error: AppError): Record<string, string> {
  const retryAfter = error.retryAfterSeconds ?? (error.kind === 'unavailable' ? 1 : undefined);
  return { ...error.headers, ...(retryAfter === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfter))) }) };
}

/**
 * The errors that a route answers by itself, by status: `response: { 201: User, ...problems(errors, 'email_taken') }`. What any
 * route like it can answer is added: a wrong form, a wrong cursor, `If-Match` that does not match, too many requests, no access.
 */
export function problems<C extends ErrorCatalogue>(
  { catalogue }: { readonly catalogue: C },
  ...codes: (keyof C & string)[]
): Record<number, ProblemResponse> {
  const byStatus = Map.groupBy(codes, (code) => statusOf[(catalogue[code] as C[string]).kind]);
  return Object.fromEntries([...byStatus].map(([status, list]) => [status, problemResponse(catalogue, list)]));
}

/** By code, an answer with it. */
export type ProblemExamples = Readonly<Record<string, { readonly value: Problem }>>;

interface ProblemResponse {
  readonly content: Record<typeof PROBLEM_MEDIA_TYPE, { schema: typeof Problem; examples: ProblemExamples }>;
}

function problemResponse(catalogue: ErrorCatalogue, codes: readonly string[]): ProblemResponse {
  const examples = codes.map((code) => {
    const { kind, title } = catalogue[code] as ErrorCatalogue[string];
    return [code, { value: toProblem(new AppError(kind, code, { message: title }), EXAMPLE_ID) }];
  });
  return { content: { [PROBLEM_MEDIA_TYPE]: { schema: Problem, examples: Object.fromEntries(examples) } } };
}

/** The correlation id in examples. */
export const EXAMPLE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

const bodyless: readonly unknown[] = ['GET', 'HEAD'];

/**
 * What can be answered on a route whatever its handler does, for its description: more where there is something to refuse.
 * @param others the errors that the service's own parts add to each of its routes.
 */
export function commonProblems({ method, url, schema = {} }: RouteOptions, others: ErrorCatalogue): Record<number, ProblemResponse> {
  const { querystring, params, headers } = schema;
  const mayHaveBody = [method].flat().some((each) => !bodyless.includes(each));
  const catalogue: ErrorCatalogue = { ...httpErrors.catalogue, ...others };
  return problems(
    { catalogue },
    'malformed_request',
    ...codes(querystring || params || headers || mayHaveBody || refusesQuery({ url, schema }), 'validation_failed'),
    ...codes(has(querystring, 'cursor'), 'invalid_cursor'),
    ...codes(has(headers, 'If-Match'), 'precondition_failed'),
    ...codes(mayHaveBody, 'malformed_json', 'payload_too_large', 'unsupported_media_type', 'request_timeout'),
    ...codes(isCounted(url), 'rate_limited'),
    'headers_too_large',
    'internal_error',
    'service_unavailable',
    ...Object.keys(others),
  );
}

const codes = (areAnswered: unknown, ...list: (keyof typeof httpErrors.catalogue)[]) => (areAnswered ? list : []);
const has = (part: unknown, name: string): boolean => name in ((part as { properties?: object } | undefined)?.properties ?? {});

/** Two descriptions as one: under a status that both have, the errors of both. */
export function mergeProblems(added: Record<number, ProblemResponse>, own: object): object {
  const merged: Record<string, unknown> = { ...added, ...own };
  for (const [status, { content }] of Object.entries(added)) {
    const theirs = (own as Record<string, DeclaredAnswer | undefined>)[status];
    if (theirs === undefined) continue;
    const { description, headers, content: others = { 'application/json': { schema: theirs } } } = theirs;
    const examples = { ...content[PROBLEM_MEDIA_TYPE].examples, ...others[PROBLEM_MEDIA_TYPE]?.examples };
    merged[status] = {
      ...(description && { description }),
      ...(headers === undefined ? {} : { headers }),
      content: { ...others, [PROBLEM_MEDIA_TYPE]: { schema: Problem, examples } },
    };
  }
  return merged;
}

interface DeclaredAnswer {
  readonly description?: string;
  readonly headers?: unknown;
  readonly content?: Readonly<Record<string, { readonly schema: object; readonly examples?: ProblemExamples }>>;
}
