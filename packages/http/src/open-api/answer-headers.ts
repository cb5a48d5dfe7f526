import type { FastifyContextConfig } from 'fastify';
import { isKept } from '../idempotency-store.ts';

const text = (description: string, ...examples: string[]) => ({ description, schema: { type: 'string', examples } });
const seconds = (description: string) => ({ description, schema: { type: 'integer', minimum: 0 } });

/** The headers of answers that a client may read, described once. Those of HTTP itself and of security are always sent, and left out. */
export const ANSWER_HEADERS = {
  'X-Correlation-Id': text('The id of the request in logs and messages: that of the request, where it brought one.', '4bf92f3577b34da6'),
  RateLimit: text(
    'For each limit that counts this request: how many are left (`r`), and in how many seconds it begins anew (`t`).',
    '"writes";r=59;t=60',
  ),
  'RateLimit-Policy': text('For each limit that counts this request: how many (`q`) in how many seconds (`w`).', '"writes";q=60;w=60'),
  'Retry-After': seconds('Seconds after which the request may be repeated.'),
  ETag: text('The version of what was answered, for `If-Match` and `If-None-Match`.', '"7"'),
  Location: text('The path of the created resource.', '/v1/things/0199d3a0-0000-7000-8000-00000000a001'),
  'Idempotency-Replayed': {
    description: 'The answer is the one that was given to this `Idempotency-Key` first.',
    schema: { type: 'string', enum: ['true'] },
  },
  'WWW-Authenticate': text('How to authenticate.', 'Bearer realm="stoa"'),
  'Cache-Control': text('How long the answer may be kept, and by whom.', 'public, max-age=0, s-maxage=5, must-revalidate'),
  Vary: text('The headers of the request that the answer depends on.', 'authorization, cookie'),
  Age: seconds('How long the answer has been kept.'),
  'Cache-Status': text('Whether the answer had been kept.', 'stoa; hit; ttl=1'),
} as const;

export type AnswerHeader = keyof typeof ANSWER_HEADERS;

/** Where requests are counted: all of them at the entry, and some by their service too. */
const COUNTED = /^\/v1\//;
export const isCounted = (url: string): boolean => COUNTED.test(url);

const ofLimits: readonly AnswerHeader[] = ['RateLimit', 'RateLimit-Policy'];
const ofCache: readonly AnswerHeader[] = ['Cache-Control', 'Vary', 'Age', 'Cache-Status'];

/** What any answer of a route may carry that is no problem. */
export const headersOfRoute = (url: string, { cache, idempotent }: FastifyContextConfig): AnswerHeader[] => [
  'X-Correlation-Id',
  ...(isCounted(url) ? ofLimits : []),
  ...(cache === undefined ? [] : ofCache),
  ...(idempotent ? (['Idempotency-Replayed'] as const) : []),
];

/** Refused before the key of a request is looked at. */
const UNREAD = new Set([413, 415, 431]);

/** What a problem of this status may carry, on whatever route. */
export const headersOfProblem = (status: number, codes: readonly string[], isIdempotent: boolean): AnswerHeader[] => [
  'X-Correlation-Id',
  ...ofLimits,
  ...(status === 401 ? (['WWW-Authenticate'] as const) : []),
  ...(status === 429 || status === 503 || codes.includes('idempotency_in_progress') ? (['Retry-After'] as const) : []),
  ...(isIdempotent && isKept(status) && !UNREAD.has(status) ? (['Idempotency-Replayed'] as const) : []),
];

/** References to the shared descriptions of these headers. */
export const headerReferences = (names: readonly AnswerHeader[]): Record<string, { $ref: string }> =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
