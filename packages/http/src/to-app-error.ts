import { AppError, type ErrorOptions } from '@stoa/service';
import type { FastifyError } from 'fastify';
import { httpErrors } from './http-errors.ts';

const byCode: ReadonlyMap<unknown, (options: ErrorOptions) => AppError> = new Map(
  Object.entries({
    FST_ERR_CTP_BODY_TOO_LARGE: httpErrors.payload_too_large,
    FST_ERR_CTP_INVALID_MEDIA_TYPE: httpErrors.unsupported_media_type,
    FST_ERR_CTP_EMPTY_TYPE: httpErrors.unsupported_media_type,
    FST_ERR_CTP_INVALID_CONTENT_LENGTH: httpErrors.malformed_request,
    FST_ERR_CTP_INVALID_JSON_BODY: httpErrors.malformed_json,
    FST_ERR_CTP_EMPTY_JSON_BODY: httpErrors.malformed_json,
    FST_ERR_HANDLER_TIMEOUT: httpErrors.service_unavailable,
    FST_ERR_MAX_PARAM_LENGTH: httpErrors.not_found,
  }),
);

/** Whatever was thrown while a request was served, as the error that the client gets to see. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { code, statusCode } = (error ?? {}) as Partial<FastifyError>;
  const known = byCode.get(code)?.({ cause: error });
  if (known) return known;
  // The client went away, or was cut off, in the middle of its body; Fastify marks that with 400. Nobody reads the answer.
  if (code === 'ECONNRESET' && statusCode === 400) return httpErrors.malformed_request({ cause: error });
  // Fastify's own refusals of a request (a bad path, a bad version header) are for the client to fix.
  if (String(code).startsWith('FST_ERR_') && statusCode !== undefined && statusCode < 500)
    return httpErrors.malformed_request({ cause: error });
  return httpErrors.internal_error({ cause: error });
}
