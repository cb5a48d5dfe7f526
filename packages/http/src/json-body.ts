import type { IncomingHttpHeaders } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import type { AppError } from '@stoa/service';
import type { FastifyInstance } from 'fastify';
import { parse } from 'secure-json-parse';
import type { TSchema } from 'typebox';
import { MAX_FIELDS, validationFailed } from './faults.ts';
import { httpErrors } from './http-errors.ts';
import { excessIn, maxValuesOf } from './json-bounds.ts';
import { pointer } from './text.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** As many JSON values as the body may have, from its schema. */
    maxValues?: number;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Of a route that takes no body: the empty object, and as many names as are reported as unknown. */
const VALUES_OF_NOTHING = 1 + MAX_FIELDS;

/** Reads JSON bodies, and no others: UTF-8, no prototype keys, not too deep, not more values than the schema has room for. */
export function acceptJsonOnly(http: FastifyInstance): void {
  http.addHook('onRoute', (route) => {
    if (route.schema?.body === undefined) return;
    try {
      route.config = { ...route.config, maxValues: maxValuesOf(route.schema.body as TSchema) };
    } catch (error) {
      throw new Error(`${String(route.method)} ${route.url}: ${(error as Error).message}`);
    }
  });
  // Before the hooks of a route: 413 and 415 come before 401, and before a byte of the body is read.
  http.addHook('onRequest', (request, _reply, done) => {
    const { schema, bodyLimit } = request.routeOptions;
    done(schema?.body === undefined ? undefined : refusalOf(request.headers, bodyLimit));
  });
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    // 404 and 405 come before whatever is wrong with the body.
    if (request.is404) return done(null, undefined);
    const { maxValues } = request.routeOptions.config;
    const read = (): void => {
      try {
        done(null, maxValues === undefined ? readNothing(body as Buffer) : readJson(body as Buffer, maxValues));
      } catch (error) {
        done(error as Error);
      }
    };
    if (body.length <= BYTES_AT_ONCE) read();
    else void ownTurn().then(read);
  });
}

/** To read and to validate so many bytes takes less than a millisecond, and a millisecond or more for each 30 KB beyond. */
const BYTES_AT_ONCE = 32_768;

/** Of this process, as it has one event loop. */
let lastTurn: Promise<void> = Promise.resolve();

/** Resolves in a turn of the event loop that no other long body has: short requests are answered between any two of them. */
function ownTurn(): Promise<void> {
  lastTurn = lastTurn.then(() => setImmediate());
  return lastTurn;
}

const JSON_TYPE = /^application\/json\s*(?:;|$)/i;
/** JSON that travels is UTF-8 (RFC 8259 §8.1). */
const OTHER_CHARSET = /;\s*charset=(?!"?utf-?8"?\s*(?:;|$))/i;

/** What is wrong with a body by its headers alone. */
function refusalOf(headers: IncomingHttpHeaders, bodyLimit: number): AppError | undefined {
  const { 'content-length': length = '0', 'transfer-encoding': transfer, 'content-type': type = '', 'content-encoding': coding } = headers;
  if (length === '0' && transfer === undefined) return undefined;
  if (Number(length) > bodyLimit) return tooLarge(bodyLimit);
  const isJson = type === 'application/json' || (JSON_TYPE.test(type) && !OTHER_CHARSET.test(type));
  return isJson && (coding ?? 'identity') === 'identity' ? undefined : httpErrors.unsupported_media_type();
}

/** @param limit of the route, in bytes. */
export const tooLarge = (limit: number): AppError => httpErrors.payload_too_large({ message: `A body may have ${limit} bytes here.` });

/** The body of a route that takes none: many clients name a type with every request, and some send `{}`. */
function readNothing(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  const value = readJson(body, VALUES_OF_NOTHING);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw validationFailed([{ path: '/', message: 'must be absent: this route takes no body' }]);
  }
  const faults = Object.keys(value).map((name) => ({ path: `/${pointer(name)}`, message: 'is not known here' }));
  if (faults.length > 0) throw validationFailed(faults);
  return undefined;
}

function readJson(body: Buffer, maxValues: number): unknown {
  const excess = excessIn(body, maxValues);
  if (excess === 'levels') throw httpErrors.malformed_json({ message: 'The body is nested too deeply.' });
  if (excess === 'values') throw validationFailed([{ path: '/', message: `must not have more than ${maxValues} names and values` }]);
  try {
    return parse(utf8.decode(body), { protoAction: 'error', constructorAction: 'error' });
  } catch (error) {
    throw httpErrors.malformed_json({ cause: error });
  }
}
