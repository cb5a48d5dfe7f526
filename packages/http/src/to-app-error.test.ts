import { AppError } from '@stoa/service';
import { describe, expect, test } from 'vitest';
import { toAppError } from './to-app-error.ts';

const thrown = (properties: object) => Object.assign(new Error('cause'), properties);

describe('what was thrown becomes', () => {
  test.for([
    ['a body too large', thrown({ code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 }), 'payload_too_large'],
    ['another type', thrown({ code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE', statusCode: 415 }), 'unsupported_media_type'],
    ['a parameter too long', thrown({ code: 'FST_ERR_MAX_PARAM_LENGTH', statusCode: 414 }), 'not_found'],
    ['a handler too slow', thrown({ code: 'FST_ERR_HANDLER_TIMEOUT', statusCode: 503 }), 'service_unavailable'],
    ['a refusal of Fastify that is not known here', thrown({ code: 'FST_ERR_NEW', statusCode: 400 }), 'malformed_request'],
    ['a client that left in its body', thrown({ code: 'ECONNRESET', statusCode: 400 }), 'malformed_request'],
    ['a neighbour that hung up on us', thrown({ code: 'ECONNRESET' }), 'internal_error'],
    ['a mistake in the use of Fastify', thrown({ code: 'FST_ERR_BAD', statusCode: 500 }), 'internal_error'],
    ['a status that a library chose', thrown({ statusCode: 404 }), 'internal_error'],
    ['a code that is a number', thrown({ code: 11_000 }), 'internal_error'],
    ['a name of every object', thrown({ code: 'constructor' }), 'internal_error'],
    ['a text', 'oops', 'internal_error'],
    ['nothing', undefined, 'internal_error'],
  ] as const)('%s: %s', ([, error, code]) => {
    const { code: found, cause } = toAppError(error);
    expect([found, cause]).toEqual([code, error]);
  });

  test('an error of the platform itself', () => {
    const error = new AppError('gone', 'code_expired', { message: 'Expired.' });
    expect(toAppError(error)).toBe(error);
  });
});
