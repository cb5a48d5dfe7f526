import { AppError } from '@stoa/service';
import type { FastifyInstance } from 'fastify';
import { parse } from 'secure-json-parse';
import { httpErrors } from './http-errors.ts';
import { normaliseTexts, TooDeep } from './text.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads JSON bodies, and no others: UTF-8, no prototype keys, not too deep, texts checked and normalised. */
export function acceptJsonOnly(http: FastifyInstance): void {
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, readJson(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
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
