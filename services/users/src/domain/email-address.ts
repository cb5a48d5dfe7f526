import { splitEmailAddress } from '@stoa/service/email-address';
import { accepted, type Parsed, refused } from './parsed.ts';

/** RFC 5321 §4.5.3.1 with the path's angle brackets taken off, and its limit of the local part. */
const MAX_LENGTH = 254;
const MAX_LOCAL_LENGTH = 64;
/** `Dot-string` of RFC 5321 §4.1.2: no quotes, no comments, as no mailbox in use needs them. */
const LOCAL_PART = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
/** Two labels or more of letters, digits and inner hyphens, the last one not all digits. */
const DOMAIN = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])$/;

/**
 * An e-mail address as it is stored, compared and sent to: trimmed, lower-cased, the domain as its A-label
 * (`bücher.example` is `xn--bcher-kva.example`). The local part is ASCII: few servers take others (RFC 6531).
 */
export function parseEmailAddress(text: string): Parsed<string> {
  const address = splitEmailAddress(text);
  if (address === undefined) return refused('must be an e-mail address like name@example.com');
  if (/\P{ASCII}/u.test(address.local)) return refused('must have only ASCII characters before the @');
  const local = address.local.toLowerCase();
  if (!LOCAL_PART.test(local)) return refused('must be an e-mail address like name@example.com');
  if (local.length > MAX_LOCAL_LENGTH) return refused(`must have at most ${MAX_LOCAL_LENGTH} characters before the @`);
  const { domain } = address;
  if (domain === undefined || !DOMAIN.test(domain)) return refused('must have a domain after the @, like example.com');
  const stored = `${local}@${domain}`;
  return stored.length > MAX_LENGTH ? refused(`must have at most ${MAX_LENGTH} characters`) : accepted(stored);
}
