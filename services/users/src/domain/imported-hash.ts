import { accepted, type Parsed, refused } from './parsed.ts';

/** A step doubles the work: 16 is four seconds of a core. */
export const MAX_BCRYPT_COST = 16;
/**
 * What a hash of argon2id may ask for; its numbers come from the database, and no row may take the machine down.
 * All at their most are as long as bcrypt's. libsodium's `MODERATE` and the defaults of other frameworks are well below.
 */
export const ARGON2_MOST = { memoryKib: 262_144, passes: 16, parallelism: 32 } as const;

/** How much work a hash is, by the algorithm's own numbers. */
export type HashParameters =
  | { readonly algorithm: 'bcrypt'; readonly cost: number }
  | { readonly algorithm: 'argon2id'; readonly memoryKib: number; readonly passes: number; readonly parallelism: number }
  | { readonly algorithm: 'scrypt' };

/** What new hashes are made by; scrypt is read, never written. */
export type Hasher = Exclude<HashParameters, { algorithm: 'scrypt' }>;

/** A hash taken apart; salt and tag in the text that its algorithm uses. */
export type StoredHash =
  | (Extract<HashParameters, { algorithm: 'bcrypt' }> & {
      /** Made by a system that reads the first 72 bytes of a password and drops the rest. */
      readonly cuts: boolean;
      /** Cost, salt and tag, without the letter that names the implementation: to all of them it is the same hash. */
      readonly rest: string;
    })
  | (Extract<HashParameters, { algorithm: 'argon2id' }> & { readonly salt: string; readonly tag: string })
  | (Extract<HashParameters, { algorithm: 'scrypt' }> & { readonly salt: string; readonly tag: string });

/** The last character of salt and of tag holds 2 and 4 bits: any other is no output of bcrypt, and would match nothing. */
const BCRYPT = /^\$2([aby])(\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26])$/;
/** The PHC string format, numbers in their shortest form: exactly what the reference implementation writes. */
const ARGON2ID = /^\$argon2id\$v=19\$m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=([1-9][0-9]{0,9})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;
/** Base64 without padding, unused bits 0. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048])?$/;
/** As Better Auth writes it, with N=16384, r=16, p=1. */
const SCRYPT = /^([0-9a-f]{32}):([0-9a-f]{128})$/;
const LONGEST = 256;

/**
 * Reads the hash of a password: `$2a$`, `$2b$`, `$2y$` (bcrypt), `$argon2id$v=19$…` (PHC), `<salt>:<key>` (scrypt as Better Auth
 * writes it). What asks for more work than the machine should do is refused before anything is computed.
 */
export function parseHash(text: string): Parsed<StoredHash> {
  if (text.length > LONGEST) return refused('is too long for a hash of a password');
  const [, variant, rest, digits] = BCRYPT.exec(text) ?? [];
  if (rest !== undefined) {
    const cost = Number(digits);
    if (cost < 4 || cost > MAX_BCRYPT_COST) return refused(`must have a bcrypt cost from 4 to ${MAX_BCRYPT_COST}`);
    return accepted({ algorithm: 'bcrypt', cost, cuts: variant !== 'b', rest });
  }
  const [, salt, tag] = SCRYPT.exec(text) ?? [];
  if (salt !== undefined && tag !== undefined) return accepted({ algorithm: 'scrypt', salt, tag });
  return parseArgon2id(text);
}

function parseArgon2id(text: string): Parsed<StoredHash> {
  const [, m, t, p, salt, tag] = ARGON2ID.exec(text) ?? [];
  if (salt === undefined || tag === undefined) return refused('must be a hash by bcrypt, argon2id (PHC, v=19), or scrypt of Better Auth');
  const [memoryKib, passes, parallelism] = [Number(m), Number(t), Number(p)];
  if (memoryKib > ARGON2_MOST.memoryKib || passes > ARGON2_MOST.passes || parallelism > ARGON2_MOST.parallelism)
    return refused(`must ask argon2id for m=${ARGON2_MOST.memoryKib}, t=${ARGON2_MOST.passes}, p=${ARGON2_MOST.parallelism} at most`);
  if (memoryKib < 8 * parallelism) return refused('must give argon2id 8 KiB a lane at least');
  const [saltBytes, tagBytes] = [bytesOf(salt), bytesOf(tag)];
  if (saltBytes < 8 || saltBytes > 64) return refused('must have a salt of 8 to 64 bytes');
  if (tagBytes < 16 || tagBytes > 64) return refused('must have a tag of 16 to 64 bytes');
  return accepted({ algorithm: 'argon2id', memoryKib, passes, parallelism, salt, tag });
}

/** 0 for what is not base64. */
const bytesOf = (base64: string): number => (BASE64.test(base64) ? Math.floor((base64.length * 3) / 4) : 0);

/**
 * The form in which a hash of another system is stored. Its bcrypt may have cut a password after 72 bytes, ours never does:
 * so `$2b$`, which is ours, becomes `$2y$`, and {@link parseHash} tells the two apart.
 */
export const importedForm = (hash: string): string => (hash.startsWith('$2b$') ? `$2y${hash.slice(3)}` : hash);

/** Work in units of the algorithm; comparable only within it. A lane more is not work more. */
export function workOf(parameters: HashParameters): number {
  switch (parameters.algorithm) {
    case 'bcrypt':
      return 2 ** parameters.cost;
    case 'argon2id':
      return parameters.memoryKib * parameters.passes;
    case 'scrypt':
      return 1;
  }
}
