export { type CacheRule, hasCredentials, publicCacheControl } from './cache-rule.ts';
export {
  type Call,
  type CallAnswer,
  type CallerOptions,
  type CallService,
  createCaller,
  type Locate,
  type ServiceLocation,
} from './call.ts';
export { recordAnswer, startCallSpan } from './call-spans.ts';
export { type CallerLimitsOptions, installCallerLimits } from './caller-limits.ts';
export { clientIpKey } from './client-ip.ts';
export { BODY_BYTES, CLOSE_MS, createHttp, ENTRY_LIMITS, type Http, type HttpOptions } from './create-http.ts';
export { type Cursors, createCursors, type PageRequest, type RequestedPage } from './cursors.ts';
export { dropDefaultHeaders, setDefaultHeader } from './default-headers.ts';
export { type Edge, edgeOf, setClientIp } from './edge.ts';
export { entityTag, IfMatch, namesTag, preconditionOf, withETag } from './entity-tags.ts';
export { createFailureLimit, type FailureLimit, type FailureLimitOptions } from './failure-limit.ts';
export { httpErrors } from './http-errors.ts';
export { type IdempotencyOptions, installIdempotency } from './idempotency.ts';
export type { IdempotencyClaim, IdempotencyFound, IdempotencyStore } from './idempotency-store.ts';
export { tooLarge } from './json-body.ts';
export { createMemoryRateLimiter } from './memory-rate-limiter.ts';
export type { DeclaredRoute } from './methods-of.ts';
export { Answer, Media, NoBody, withPage } from './open-api/answer.ts';
export { mergeComponents, type OpenApiDocument, usedComponents } from './open-api/components.ts';
export { openApiOf } from './open-api/document.ts';
export type { Readiness } from './operations.ts';
export { Page, PageQuery, pageOf } from './pagination.ts';
export { EXAMPLE_ID, mergeProblems, PROBLEM_TYPE, Problem, problems, statusOf, toProblem } from './problem.ts';
export { hasTooManyParameters } from './queries.ts';
export {
  enforceFirstLimit,
  joinLimits,
  type LimitOptions,
  limitBy,
  limitByClientIp,
  type RateLimiter,
  type RatePolicy,
  type RateState,
} from './rate-limit.ts';
export { sendProblem } from './refusals.ts';
export { IdParams, Nullable, Nullish, StrictObject, Timestamp } from './schemas.ts';
export { PAGE_CSP } from './security-headers.ts';
export { serveFile } from './serve-file.ts';
export { Text, type TextOptions } from './text.ts';
export type { AnswerHeaders, Receiver, Sending, UpstreamRequest } from './upstream/exchange.ts';
export { readAnswer } from './upstream/read-answer.ts';
export { createUpstream, type Upstream, type UpstreamOptions } from './upstream/upstream.ts';
