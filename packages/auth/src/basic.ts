/** What a client sent by HTTP Basic. `userId` is whatever the service takes it for: an e-mail address, at Stoa. */
export interface BasicCredentials {
  readonly userId: string;
  readonly password: string;
}

/** The answer to a request without, or with wrong, Basic credentials (RFC 7617 §2 and §2.1). */
export const basicChallenge = { 'www-authenticate': 'Basic realm="stoa", charset="UTF-8"' } as const;

/** `Basic` in any case, one or more spaces, token68 (RFC 9110 §11.2 and §11.4). */
const HEADER = /^basic +([A-Za-z0-9+/]+={0,2})$/i;
/** RFC 7617 §2 forbids them in both parts. */
const CONTROL_CHARACTER = /\p{Cc}/u;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads an `Authorization` header by RFC 7617: UTF-8, split at the first colon, so that a password may hold colons.
 * @returns `undefined` for another scheme, and for anything malformed: no token68, no UTF-8, no colon, a control character.
 */
export function parseBasic(header: string | undefined): BasicCredentials | undefined {
  const encoded = HEADER.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = decode(encoded);
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon < 0 || CONTROL_CHARACTER.test(text)) return undefined;
  return { userId: text.slice(0, colon), password: text.slice(colon + 1) };
}

function decode(encoded: string): string | undefined {
  try {
    return utf8.decode(Buffer.from(encoded, 'base64'));
  } catch {
    return undefined;
  }
}
