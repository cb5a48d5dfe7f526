import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '@stoa/service';
import type { FastifyInstance } from 'fastify';
import { parse } from 'secure-json-parse';
import { httpErrors } from './http-errors.ts';
import { normaliseTexts, TooDeep } from './text.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads JSON bodies, and no others: UTF-8, no prototype keys, not too deep, texts checked and normalised. */
export function acceptJsonOnly(http: FastifyInstance): void {
  // Before the hooks of a route: 413 and 415 come before 401, and before a byte of the body is read.
  http.addHook('onRequest', (request, _reply, done) => {
    const { schema, bodyLimit } = request.routeOptions;
    done(schema?.body === undefined ? undefined : refusalOf(request.headers, bodyLimit));
  });
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, readJson(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
}

const JSON_TYPE = /^application\/json\s*(?:;|$)/i;
/** JSON that travels is UTF-8 (RFC 8259 §8.1). */
const OTHER_CHARSET = /;\s*charset=(?!"?utf-?8"?\s*(?:;|$))/i;

/** What the headers alone tell of a body. */
function refusalOf(headers: IncomingHttpHeaders, bodyLimit: number): AppError | undefined {
  const { 'content-length': length = '0', 'transfer-encoding': transfer, 'content-type': type = '', 'content-encoding': coding } = headers;
  if (length === '0' && transfer === undefined) return undefined;
  if (Number(length) > bodyLimit) return httpErrors.payload_too_large();
  const isJson = type === 'application/json' || (JSON_TYPE.test(type) && !OTHER_CHARSET.test(type));
  return isJson && (coding ?? 'identity') === 'identity' ? undefined : httpErrors.unsupported_media_type();
}

function readJson(body: Buffer): unknown {
  let value: unknown;
  let faults: ReturnType<typeof normaliseTexts>;
  try {
    value = parse(utf8.decode(body), { protoAction: 'error', constructorAction: 'error' });
    faults = normaliseTexts(value);
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (error instanceof TooDeep) throw httpErrors.malformed_json({ message: 'The body is nested too deeply.' });
    throw httpErrors.malformed_json({ cause: error });
  }
  if (faults.length > 0) throw httpErrors.validation_failed({ fields: faults });
  return value;
}
