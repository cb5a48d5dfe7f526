import { STATUS_CODES } from 'node:http';
import { AppError, type ErrorCatalogue, type ErrorKind, type FieldError } from '@stoa/service';
import { type Static, Type } from 'typebox';
import { httpErrors } from './http-errors.ts';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

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
    title: STATUS_CODES[status] ?? 'Error',
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
export function problems<C extends ErrorCatalogue>(catalogue: C, ...codes: (keyof C & string)[]): Record<number, unknown> {
  const byStatus = new Map<number, string[]>();
  for (const code of codes) {
    const status = statusOf[(catalogue[code] as C[string]).kind];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries([...byStatus].map(([status, list]) => [status, problemResponse(catalogue, status, list)]));
}

function problemResponse(catalogue: ErrorCatalogue, status: number, codes: readonly string[]) {
  const examples = codes.map((code) => {
    const { kind, title } = catalogue[code] as ErrorCatalogue[string];
    return [code, { value: toProblem(new AppError(kind, code, { message: title }), 'f7a1…') }];
  });
  return {
    description: codes.map((code) => `\`${code}\`: ${catalogue[code]?.title}`).join('\n\n') || STATUS_CODES[status],
    content: { 'application/problem+json': { schema: Problem, examples: Object.fromEntries(examples) } },
  };
}

/** What every route can answer. */
export const commonProblems = problems(httpErrors.catalogue, 'internal_error', 'service_unavailable');
