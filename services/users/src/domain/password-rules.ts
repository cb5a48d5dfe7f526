import { parseEmailAddress } from './email-address.ts';
import { accepted, type Parsed, refused } from './parsed.ts';

const MIN_CHARACTERS = 8;
const CONTROL_CHARACTER = /\p{Cc}/u;

/** The longest password that is hashed whole. */
export interface PasswordLimit {
  readonly most: number;
  readonly unit: 'bytes in UTF-8' | 'characters';
}

/** bcrypt reads no further; a longer password would be cut, so it is refused. */
export const BCRYPT_LIMIT: PasswordLimit = { most: 72, unit: 'bytes in UTF-8' };
/** No hash needs it: it keeps requests small. */
export const LONG_LIMIT: PasswordLimit = { most: 1_000, unit: 'characters' };

const utf8 = new TextEncoder();

/** What a password must not be: the person's own names, and what everybody else takes. */
export interface PasswordContext {
  readonly email?: string | undefined;
  readonly login?: string | undefined;
  /** Of the configured hash. */
  readonly limit: PasswordLimit;
  /** Whether a password, lower-cased, is on the list of common ones. */
  isCommon(lowerCased: string): boolean;
}

/** The one form in which a password is hashed and compared: NFC, never trimmed. */
export const normalizePassword = (text: string): string => text.normalize('NFC');

/** Whether a hash with this limit sees all of it, and it can be sent by Basic, which knows no control characters (RFC 7617 §2). */
export const fitsTheHash = (password: string, limit: PasswordLimit): boolean => isText(password) && isWithin(password, limit);

const isText = (password: string): boolean => password.isWellFormed() && !CONTROL_CHARACTER.test(password);

const isWithin = (password: string, { most, unit }: PasswordLimit): boolean =>
  unit === 'characters' ? [...password].length <= most : utf8.encode(password).length <= most;

/** All that is wrong with it at once; no rules of composition (NIST SP 800-63B-4 §3.1.1.2). */
export function parsePassword(text: string, { email, login, limit, isCommon }: PasswordContext): Parsed<string> {
  if (!isText(text)) return refused('must be text without control characters');
  const password = normalizePassword(text);
  const lowerCased = password.toLowerCase();
  const names = [email, email?.split('@')[0], login];
  // Read as an address, so that it is the same however its domain is written.
  const address = parseEmailAddress(password);
  const isName = names.includes(lowerCased) || ('value' in address && address.value === email);
  const [first, ...more] = [
    [...password].length < MIN_CHARACTERS && `must have at least ${MIN_CHARACTERS} characters`,
    !isWithin(password, limit) && `must have at most ${limit.most} ${limit.unit}`,
    isCommon(lowerCased) && 'must not be one of the passwords that are tried first',
    isName && 'must not be the e-mail address, its first part or the login',
  ].filter((reason) => reason !== false);
  return first === undefined ? accepted(password) : refused(first, ...more);
}
