import { AppError, type ErrorOptions } from '@stoa/service';
import type { FastifyError, FastifySchemaValidationError } from 'fastify';
import { httpErrors } from './http-errors.ts';
import { pointer } from './text.ts';

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
  const { code, statusCode, validation, validationContext } = (error ?? {}) as Partial<FastifyError>;
  if (validation) return validationFailed(validation, validationContext ?? 'body', error);
  const known = byCode.get(code)?.({ cause: error });
  if (known) return known;
  // The client went away, or was cut off, in the middle of its body; Fastify marks that with 400. Nobody reads the answer.
  if (code === 'ECONNRESET' && statusCode === 400) return httpErrors.malformed_request({ cause: error });
  // Fastify's own refusals of a request (a bad path, a bad version header) are the client's to mend.
  if (String(code).startsWith('FST_ERR_') && statusCode !== undefined && statusCode < 500)
    return httpErrors.malformed_request({ cause: error });
  return httpErrors.internal_error({ cause: error });
}

/** As many as help; a body full of faults must not make a long answer, nor much work. */
export const MAX_FIELDS = 20;
const MAX_FAULTS = 10 * MAX_FIELDS;

function validationFailed(validation: readonly FastifySchemaValidationError[], context: string, cause: unknown): AppError {
  const faults = validation.slice(0, MAX_FAULTS).filter(({ keyword }) => keyword !== 'if');
  const fields = faults.map((fault) => field(fault, context));
  const distinct = [...new Map(fields.map((entry) => [`${entry.path} ${entry.message}`, entry])).values()];
  return httpErrors.validation_failed({ fields: distinct.slice(0, MAX_FIELDS), cause });
}

function field({ instancePath, keyword, params, message = 'is not valid' }: FastifySchemaValidationError, context: string) {
  const path = (name: unknown) =>
    context === 'body' ? `${instancePath}/${pointer(String(name))}` : `${instancePath.replaceAll('/', '.')}${name}`;
  if (keyword === 'required') return { path: path(params['missingProperty']), message: 'is required' };
  if (keyword === 'additionalProperties') return { path: path(params['additionalProperty']), message: 'is not known here' };
  const here = context === 'body' ? instancePath || '/' : instancePath.slice(1);
  if (keyword === 'enum') return { path: here, message: `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}` };
  return { path: here, message };
}
