/** `version-traceid-parentid-flags`; versions to come may have more behind it. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * Reads a `traceparent` by W3C Trace Context level 1 (§3.2, §4.3): what a later version has more is dropped, and so is every
 * flag but "sampled".
 * @returns it in version 00, or `undefined` when it is not to be used and a new trace begins. Several headers joined are no one header.
 */
export function readTraceparent(sent: unknown): string | undefined {
  if (typeof sent !== 'string') return undefined;
  const [, version, ids, flags, more] = TRACEPARENT.exec(sent) ?? [];
  if (ids === undefined || (version === '00' && more !== undefined)) return undefined;
  return `00-${ids}-0${Number.parseInt(flags as string, 16) & 1}`;
}

/** Printable ASCII; implementations need not pass on more than 512 characters (§3.3.1.5). */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

export const readTracestate = (sent: unknown): string | undefined => (typeof sent === 'string' && TRACESTATE.test(sent) ? sent : undefined);

/** The id that all spans of a trace share: 32 hex digits. */
export const traceIdOf = (traceparent: string): string => traceparent.slice(3, 35);
