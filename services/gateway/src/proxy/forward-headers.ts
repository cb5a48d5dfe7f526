import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { AnswerHeaders } from '@stoa/http';

/** What concerns one connection and not the message (RFC 9110 §7.6.1), and what each hop says for itself. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Of a request moreover: the other side's name, what this hop answers itself, and what is set anew from the edge. */
const SET_ANEW = new Set([...HOP_BY_HOP, 'host', 'expect', 'x-correlation-id', 'traceparent', 'tracestate']);

/** The headers of a request that go on: names and values in turn, to which those of the gateway are added. */
export function forwardedHeaders(headers: IncomingHttpHeaders): string[] {
  const forwarded: string[] = [];
  const named = namedIn(headers.connection);
  for (const name in headers) {
    if (SET_ANEW.has(name) || named?.includes(name)) continue;
    const value = headers[name];
    if (typeof value === 'string') forwarded.push(name, value);
    else for (const each of value ?? []) forwarded.push(name, each);
  }
  return forwarded;
}

/** Whether a header of this name goes on. */
export const isAmong = (forwarded: readonly string[], name: string): boolean =>
  forwarded.some((each, index) => index % 2 === 0 && each === name);

/** The headers of an answer that go on. */
export function answerHeaders(headers: AnswerHeaders): OutgoingHttpHeaders {
  const named = namedIn(headers['connection']);
  const passed: OutgoingHttpHeaders = {};
  for (const name in headers) {
    if (!HOP_BY_HOP.has(name) && !named?.includes(name)) passed[name] = headers[name];
  }
  return passed;
}

/** `Connection` names further headers that are for this hop alone. */
function namedIn(connection: string | string[] | undefined): string[] | undefined {
  // What nearly all say.
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  return [connection].flat().flatMap((each) =>
    each
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
}
