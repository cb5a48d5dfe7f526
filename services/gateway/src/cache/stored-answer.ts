import { hash } from 'node:crypto';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { type CacheRule, namesTag, publicCacheControl } from '@stoa/http';
import { endWhole } from '../end-whole.ts';
import { negotiatedBy } from './cache-key.ts';
import type { Captured } from './capture.ts';
import type { StoredAnswer } from './store.ts';

/** What belongs to one request, one connection or one hop (RFC 9110 §7.6.1), and what is said anew. */
const NOT_KEPT = new Set([
  ...['x-correlation-id', 'traceparent', 'tracestate', 'server-timing', 'date', 'age', 'cache-status', 'content-length', 'retry-after'],
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade', 'ratelimit', 'ratelimit-policy'],
]);
const NOT_FOR_ALL = /\b(?:no-store|private|no-cache)\b/i;

/** Whether an answer may be given to others. */
export function isStorable(status: number, headers: OutgoingHttpHeaders): boolean {
  if (status !== 200 || 'set-cookie' in headers || 'trailer' in headers || 'content-range' in headers) return false;
  const control = headers['cache-control'];
  if (control === undefined || NOT_FOR_ALL.test(String(control))) return false;
  const vary = negotiatedBy(textOf(headers['vary']));
  return vary !== undefined && (headers['content-encoding'] === undefined || vary.includes('accept-encoding'));
}

/** @returns undefined when a part of it is missing. */
export function toStoredAnswer({ headers, body }: Captured, { maxAgeSeconds }: CacheRule, madeAt: number): StoredAnswer | undefined {
  const length = headers['content-length'];
  if (length !== undefined && Number(length) !== body.length) return undefined;
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers))
    if (!NOT_KEPT.has(name) && value !== undefined) kept[name] = Array.isArray(value) ? value : String(value);
  kept['etag'] ??= `"${hash('sha256', body, 'base64url').slice(0, 27)}"`;
  return { madeAt, expiresAt: madeAt + maxAgeSeconds * 1_000, headers: kept, body };
}

/** The names in the answer's `Vary` that tell its variants apart. */
export const varyOf = ({ headers }: StoredAnswer): readonly string[] => negotiatedBy(textOf(headers['vary'])) ?? [];

export interface Sending {
  readonly now: number;
  /** The request's. */
  readonly ifNoneMatch: string | undefined;
  /** What follows `stoa; ` in `Cache-Status` (RFC 9211). */
  readonly status: string;
  /** It was made for another request. */
  readonly isReused: boolean;
}

/** What a 304 does not say again. */
const OF_THE_BODY = ['content-type', 'content-encoding', 'content-language'];

/** Answers with what is stored, or with 304 to a client that has it. */
export function sendStored(response: ServerResponse, stored: StoredAnswer, rule: CacheRule, sending: Sending): void {
  // A client that has left needs no answer.
  if (response.destroyed) return;
  const { headers, body } = stored;
  const { now, ifNoneMatch, status, isReused } = sending;
  const isKnown = ifNoneMatch !== undefined && namesTag(ifNoneMatch, headers['etag'] as string);
  // Rounded up: a cache in front counts on from it, and is not to show it for longer than we would.
  const age = Math.max(0, Math.ceil((now - stored.madeAt) / 1_000));
  const said: OutgoingHttpHeaders = { ...headers, 'cache-status': `stoa; ${status}` };
  if (headers['cache-control'] === publicCacheControl(rule)) said['cache-control'] = publicCacheControl(rule, age);
  if (isReused) said['age'] = String(age);
  if (isKnown) {
    for (const name of OF_THE_BODY) delete said[name];
    response.writeHead(304, said).end();
  } else {
    said['content-length'] = body.length;
    endWhole(response.writeHead(200, said), body);
  }
}

const textOf = (value: OutgoingHttpHeaders[string]): string | undefined => (value === undefined ? undefined : [value].flat().join(', '));
