import { accepted, type Parsed, refused } from './parsed.ts';

/** RFC 5321 §4.5.3.1 with the path's angle brackets taken off, and its limit of the local part. */
const MAX_LENGTH = 254;
const MAX_LOCAL_LENGTH = 64;
/** `Dot-string` of RFC 5321 §4.1.2: no quotes, no comments, as no mailbox in use needs them. */
const LOCAL_PART = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
/** Two labels or more of letters, digits and inner hyphens, the last one not all digits. */
const DOMAIN = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])$/;
/** What would end or change the host of a URL. */
const NOT_IN_A_HOST = /[\s/?#@:\\%[\]<>^|]/;

/**
 * An e-mail address as it is stored, compared and sent to: trimmed, lower-cased, the domain as its A-label
 * (`bücher.example` is `xn--bcher-kva.example`). The local part is ASCII: few servers take others (RFC 6531).
 */
export function parseEmailAddress(text: string): Parsed<string> {
  const trimmed = text.trim();
  const at = trimmed.lastIndexOf('@');
  if (at < 1) return refused('must be an e-mail address like name@example.com');
  const local = trimmed.slice(0, at).toLowerCase();
  if (/\P{ASCII}/u.test(trimmed.slice(0, at))) return refused('must have only ASCII characters before the @');
  if (!LOCAL_PART.test(local)) return refused('must be an e-mail address like name@example.com');
  if (local.length > MAX_LOCAL_LENGTH) return refused(`must have at most ${MAX_LOCAL_LENGTH} characters before the @`);
  const domain = toAscii(trimmed.slice(at + 1));
  if (domain === undefined || !DOMAIN.test(domain)) return refused('must have a domain after the @, like example.com');
  const address = `${local}@${domain}`;
  return address.length > MAX_LENGTH ? refused(`must have at most ${MAX_LENGTH} characters`) : accepted(address);
}

/** UTS 46 through the URL parser of the language's host, which lower-cases too. */
function toAscii(domain: string): string | undefined {
  return NOT_IN_A_HOST.test(domain) ? undefined : URL.parse(`http://${domain}/`)?.hostname;
}
