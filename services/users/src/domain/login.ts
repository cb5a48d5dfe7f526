import { accepted, type Parsed, refused } from './parsed.ts';

/** Begins with a letter, so that no login looks like a phone number; holds no @, so that none looks like an address. */
const LOGIN = /^[a-z][a-z0-9._-]{2,31}$/i;

/** A user name, lower-cased: `Ada` and `ada` are one. */
export const parseLogin = (text: string): Parsed<string> =>
  LOGIN.test(text)
    ? accepted(text.toLowerCase())
    : refused('must be 3 to 32 of A–Z, a–z, 0–9, dot, underscore and hyphen, beginning with a letter');
