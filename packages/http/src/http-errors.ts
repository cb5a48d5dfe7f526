import { defineErrors } from '@stoa/service';

/** Errors of HTTP itself, the same on every service. */
export const httpErrors = defineErrors({
  validation_failed: {
    kind: 'invalid',
    title: 'The request does not have the required form.',
    cause:
      'A field is missing, unknown, of the wrong type, or breaks a rule. The list `errors` names each one: `path` is a JSON pointer, `/email` into the body, and else `/query/limit`, `/path/id`, `/headers/if-match`.',
    fix: 'Correct the named fields. The form of every request is at /docs.',
  },
  malformed_request: {
    kind: 'invalid',
    title: 'The request cannot be read.',
    cause: 'The request line, a header, the path or its encoding is malformed.',
    fix: 'Send a request by HTTP/1.1, with a path in percent-encoded UTF-8.',
  },
  malformed_json: {
    kind: 'invalid',
    title: 'The body is not valid JSON.',
    cause: 'The body is empty, is not UTF-8, is not JSON, is nested deeper than 32 levels, or has a key like `__proto__`.',
    fix: 'Send one JSON document in UTF-8 with `Content-Type: application/json`.',
  },
  invalid_cursor: {
    kind: 'invalid',
    title: 'The cursor does not come from a previous page.',
    cause: 'The cursor was changed, or it belongs to another query: other filters, another list, or another account.',
    fix: 'Send `nextCursor` of the page before with the same filters, or begin without a cursor.',
  },
  precondition_failed: {
    kind: 'precondition-failed',
    title: 'It was changed since it was read.',
    cause: 'None of the tags in `If-Match` is the one of the current state: another change came first. A weak tag never matches.',
    fix: 'Read it again, and repeat the change with the new `ETag`.',
  },
  idempotency_in_progress: {
    kind: 'conflict',
    title: 'The first request with this key is still running.',
    cause: 'A request with the same `Idempotency-Key` has not been answered yet.',
    fix: 'Repeat the same request after the seconds in `Retry-After`: it gets the answer of the first.',
  },
  idempotency_key_reused: {
    kind: 'unprocessable',
    title: 'This key belongs to another request.',
    cause: 'Within the last 24 hours another body or query was sent with the same `Idempotency-Key`.',
    fix: 'Make a new key for each new request; send the same key with a repeat of the same request alone.',
  },
  not_found: {
    kind: 'not-found',
    title: 'There is nothing at this path.',
    cause: 'No route has this path, or what it named does not exist.',
    fix: 'Check the path and the id. All routes are at /docs.',
  },
  method_not_allowed: {
    kind: 'method-not-allowed',
    title: 'This path does not take this method.',
    cause: 'The path exists, with other methods. The header `Allow` names them.',
    fix: 'Use one of the methods in `Allow`.',
  },
  request_timeout: {
    kind: 'timeout',
    title: 'The request took too long to arrive.',
    cause: 'The headers or the body did not arrive completely in time.',
    fix: 'Send the request again, without pauses.',
  },
  payload_too_large: {
    kind: 'too-large',
    title: 'The body is too large.',
    cause: 'A body may have 16 KiB, and more where what a route takes needs more. The `detail` says how many bytes this one takes.',
    fix: 'Send less at once.',
  },
  unsupported_media_type: {
    kind: 'unsupported-media-type',
    title: 'The body has a type that is not understood here.',
    cause: 'Bodies are JSON in UTF-8, not compressed.',
    fix: 'Send `Content-Type: application/json`, and no `Content-Encoding`.',
  },
  headers_too_large: {
    kind: 'headers-too-large',
    title: 'The headers are too large.',
    cause: 'All headers together may have 16 KiB at most.',
    fix: 'Send fewer or shorter headers; cookies are not needed here.',
  },
  rate_limited: {
    kind: 'too-many',
    title: 'Too many requests.',
    cause: 'One caller, or one client IP, may send only so many. The header `RateLimit-Policy` says how many in how many seconds.',
    fix: 'Wait for the seconds in `Retry-After`.',
  },
  internal_error: {
    kind: 'internal',
    title: 'Something went wrong on our side.',
    cause: 'An error that was not foreseen. Its details are in the log under the `requestId`.',
    fix: 'Try again later; if it stays, report the `requestId`.',
  },
  service_unavailable: {
    kind: 'unavailable',
    title: 'This part is not available at the moment.',
    cause: 'A service or something that it needs is away, starting or stopping.',
    fix: 'Repeat the request after the seconds in `Retry-After`.',
  },
});
