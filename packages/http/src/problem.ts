import { AppError, type ErrorCatalogue, type ErrorKind, type FieldError } from '@stoa/service';
import type { FastifySchema } from 'fastify';
import { type Static, Type } from 'typebox';
import { httpErrors } from './http-errors.ts';

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
export const Problem = Type.Object({
  type: Type.String({ description: 'A page on this server that explains the error.' }),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.String({ description: 'Stable; what a program should look at.' }),
  detail: Type.String(),
  requestId: Type.String({ description: 'The correlation id; what to report.' }),
  errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
});

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
    ...(error.fields === undefined ? {} : { errors: error.fields as FieldError[] }),
  };
}

/** The headers that go with the answer: `Retry-After` and whatever the error brings. */
export function problemHeaders(error: AppError): Record<string, string> {
  const retryAfter = error.retryAfterSeconds ?? (error.kind === 'unavailable' ? 1 : undefined);
  return { ...error.headers, ...(retryAfter === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfter))) }) };
}

/**
 * The possible errors of a route for its OpenAPI description, by status: `response: { 201: User, ...problems(errors.catalogue, 'email_taken') }`.
 * Those that any route can give are added by the house.
 */
export function problems<C extends ErrorCatalogue>(catalogue: C, ...codes: (keyof C & string)[]): Record<number, ProblemResponse> {
  const byStatus = Map.groupBy(codes, (code) => statusOf[(catalogue[code] as C[string]).kind]);
  return Object.fromEntries([...byStatus].map(([status, list]) => [status, problemResponse(catalogue, list)]));
}

interface ProblemResponse {
  readonly description: string;
  readonly content: Record<'application/problem+json', { schema: typeof Problem; examples: Record<string, { value: Problem }> }>;
}

function problemResponse(catalogue: ErrorCatalogue, codes: readonly string[]): ProblemResponse {
  const examples = codes.map((code) => {
    const { kind, title } = catalogue[code] as ErrorCatalogue[string];
    return [code, { value: toProblem(new AppError(kind, code, { message: title }), EXAMPLE_ID) }];
  });
  return {
    description: codes.map((code) => `\`${code}\`: ${catalogue[code]?.title}`).join('\n\n'),
    content: { 'application/problem+json': { schema: Problem, examples: Object.fromEntries(examples) } },
  };
}

/** The correlation id in examples. */
export const EXAMPLE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

type HouseCode = keyof typeof httpErrors.catalogue;

/** What the house itself can answer on a route, for its description: more where there is something to refuse. */
export function houseProblems(schema: FastifySchema): Record<number, ProblemResponse> {
  const parameters: HouseCode[] = schema.querystring || schema.params || schema.body || schema.headers ? ['validation_failed'] : [];
  const page: HouseCode[] = has(schema.querystring, 'cursor') ? ['invalid_cursor'] : [];
  const match: HouseCode[] = has(schema.headers, 'If-Match') ? ['precondition_failed'] : [];
  const body: HouseCode[] = schema.body ? ['malformed_json', 'payload_too_large', 'unsupported_media_type'] : [];
  return problems(httpErrors.catalogue, ...parameters, ...page, ...match, ...body, 'internal_error', 'service_unavailable');
}

const has = (part: unknown, name: string): boolean => name in ((part as { properties?: object } | undefined)?.properties ?? {});

/** Two descriptions as one: under a status that both have, the errors of both. */
export function mergeProblems(house: Record<number, ProblemResponse>, own: object): object {
  const merged: Record<string, unknown> = { ...house, ...own };
  for (const [status, ours] of Object.entries(house)) {
    const theirs = (own as Record<string, Partial<ProblemResponse> | undefined>)[status];
    const examples = theirs?.content?.['application/problem+json']?.examples;
    if (theirs === undefined || examples === undefined) continue;
    const added = Object.entries(ours.content['application/problem+json'].examples).filter(([code]) => !(code in examples));
    const lines = ours.description.split('\n\n').filter((line) => added.some(([code]) => line.startsWith(`\`${code}\``)));
    merged[status] = {
      description: [theirs.description, ...lines].join('\n\n'),
      content: { 'application/problem+json': { schema: Problem, examples: { ...examples, ...Object.fromEntries(added) } } },
    };
  }
  return merged;
}
