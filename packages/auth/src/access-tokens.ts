import { type CryptoKey, errors, importJWK, type JWK, jwtVerify, SignJWT } from 'jose';

/** Who a token of this installation is from and for: constant, as each installation has keys of its own. */
const ISSUER = 'stoa';
const AUDIENCE = 'stoa';
/** RFC 9068 §2.1: an access token is never taken for another kind of JWT. */
const TYPE = 'at+jwt';
export const ALGORITHM = 'EdDSA';
/** By how many seconds the clocks of two machines may differ. */
export const CLOCK_TOLERANCE_SECONDS = 5;

/** What an access token says. */
export interface AccessClaims {
  /** The person's id. */
  readonly subject: string;
  readonly sessionId: string;
  readonly roles: readonly string[];
  /** The account's token version: a token of an earlier one than the account is at is dead. */
  readonly version: number;
  /** Unix seconds. */
  readonly expiresAt: number;
}

/** An Ed25519 public key (RFC 8037) with its id. */
export interface PublicKey {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  readonly kid: string;
}

export interface TokenSigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
}

export interface NewToken extends Omit<AccessClaims, 'expiresAt'> {
  /** Unique: the `jti`. */
  readonly id: string;
  readonly issuedAt: Date;
  readonly lifeSeconds: number;
}

/** Signs an access token: a JWT by RFC 7519 in the profile of RFC 9068, Ed25519. */
export function signAccessToken(token: NewToken, { kid, privateKey }: TokenSigningKey): Promise<string> {
  const issuedAt = Math.floor(token.issuedAt.getTime() / 1_000);
  return new SignJWT({ sid: token.sessionId, roles: token.roles, ver: token.version })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject(token.subject)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + token.lifeSeconds)
    .setJti(token.id)
    .sign(privateKey);
}

export type KeysById = ReadonlyMap<string, CryptoKey>;

/** Public keys ready to verify with. A key is only ever used for Ed25519, whatever a token's header says. */
export async function importPublicKeys(keys: readonly PublicKey[]): Promise<KeysById> {
  const imported = keys.map(async (key) => [key.kid, (await importJWK(key as JWK, ALGORITHM)) as CryptoKey] as const);
  return new Map(await Promise.all(imported));
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Checks algorithm, type, key, signature, issuer, audience, times and the form of every claim.
 * @returns `undefined` for whatever is not a token of this installation, valid at `now`.
 */
export async function verifyAccessToken(token: string, keys: KeysById, now: Date): Promise<AccessClaims | undefined> {
  try {
    const { payload } = await jwtVerify(
      token,
      ({ kid }) => {
        const key = keys.get(kid ?? '');
        if (key === undefined) throw new errors.JWKSNoMatchingKey();
        return key;
      },
      {
        algorithms: [ALGORITHM],
        typ: TYPE,
        issuer: ISSUER,
        audience: AUDIENCE,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ['sub', 'sid', 'roles', 'ver', 'iat', 'exp', 'jti'],
        currentDate: now,
      },
    );
    const { sub, sid, roles, ver, iat, exp } = payload;
    const isFromTheFuture = (iat as number) * 1_000 > now.getTime() + CLOCK_TOLERANCE_SECONDS * 1_000;
    if (isFromTheFuture || !isId(sub) || !isId(sid) || !isNames(roles) || !Number.isSafeInteger(ver)) return undefined;
    return { subject: sub, sessionId: sid, roles, version: ver as number, expiresAt: exp as number };
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

const isId = (value: unknown): value is string => typeof value === 'string' && UUID.test(value);
const isNames = (value: unknown): value is string[] => Array.isArray(value) && value.every((name) => typeof name === 'string');
