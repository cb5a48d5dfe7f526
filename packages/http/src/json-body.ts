import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '@stoa/service';
import type { FastifyInstance } from 'fastify';
import { parse } from 'secure-json-parse';
import { httpErrors } from './http-errors.ts';
import { normaliseTexts, pointer, TooDeep } from './text.ts';
import { MAX_FIELDS } from './to-app-error.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads JSON bodies, and no others: UTF-8, no prototype keys, not too deep, texts checked and normalised. */
export function acceptJsonOnly(http: FastifyInstance): void {
  // Before the hooks of a route: 413 and 415 come before 401, and before a byte of the body is read.
  http.addHook('onRequest', (request, _reply, done) => {
    const { schema, bodyLimit } = request.routeOptions;
    done(schema?.body === undefined ? undefined : refusalOf(request.headers, bodyLimit));
  });
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    // 404 and 405 come before whatever is wrong with the body.
    if (request.is404) return done(null, undefined);
    const read = request.routeOptions.schema?.body === undefined ? readNothing : readJson;
    try {
      done(null, read(body as Buffer));
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

/** The body of a route that takes none: many clients name a type with every request, and some send `{}`. */
function readNothing(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  const value = readJson(body);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw httpErrors.validation_failed({ fields: [{ path: '/', message: 'must be absent: this route takes no body' }] });
  }
  const names = Object.keys(value).slice(0, MAX_FIELDS);
  const fields = names.map((name) => ({ path: `/${pointer(name)}`, message: 'is not known here' }));
  if (fields.length > 0) throw httpErrors.validation_failed({ fields });
  return undefined;
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
