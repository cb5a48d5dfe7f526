import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  importPublicKeys,
  type KeysById,
  type PublicKey,
  signAccessToken,
  type TokenSigningKey,
  verifyAccessToken,
} from './access-tokens.ts';
import { generateSigningKey, openSigningKey } from './signing-keys.ts';

const now = new Date('2026-11-21T09:00:00Z');
const seconds = Math.floor(now.getTime() / 1_000);
const after = (milliseconds: number) => new Date(now.getTime() + milliseconds);
const claims = { subject: randomUUID(), sessionId: randomUUID(), roles: ['user'], version: 1 };

let signing: TokenSigningKey;
let publicKey: PublicKey;
let pem: string;
let keys: KeysById;
let token: string;

beforeAll(async () => {
  const made = await generateSigningKey();
  pem = made.privateKey;
  signing = await openSigningKey(made);
  publicKey = { kty: 'OKP', crv: 'Ed25519', x: made.publicKey, kid: made.kid };
  keys = await importPublicKeys([publicKey]);
  token = await signAccessToken({ ...claims, id: randomUUID(), issuedAt: now, lifeSeconds: 300 }, signing);
});

/** A token made by hand, as an attacker would. */
function forge(header: object, payload: object, signature: (input: string) => string): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${signature(input)}`;
}

const honestHeader = () => ({ alg: 'EdDSA', typ: 'at+jwt', kid: publicKey.kid });
const honest = () => ({
  iss: 'stoa',
  aud: 'stoa',
  sub: claims.subject,
  sid: claims.sessionId,
  roles: ['user'],
  ver: 1,
  iat: seconds,
  exp: seconds + 300,
  jti: randomUUID(),
});
const bySigner = (input: string) => sign(null, Buffer.from(input), pem).toString('base64url');
const by = (key: KeyObject) => (input: string) => sign(null, Buffer.from(input), key).toString('base64url');
const read = (text: string, at = now) => verifyAccessToken(text, keys, at);

test('an honest token is read', async () => {
  expect(await read(token)).toEqual({ ...claims, expiresAt: seconds + 300 });
  // What the forgeries below are made with makes honest ones too, so that each fails for its own reason alone.
  expect(await read(forge(honestHeader(), honest(), bySigner))).toMatchObject(claims);
});

test('it is good until five seconds after its end, as clocks differ, and from five before its beginning', async () => {
  expect(await read(token, after(304_999))).toBeDefined();
  expect(await read(token, after(305_000))).toBeUndefined();
  expect(await read(token, after(-5_000))).toBeDefined();
  expect(await read(token, after(-5_001))).toBeUndefined();
});

describe('refused:', () => {
  const otherPair = generateKeyPairSync('ed25519');
  const rsaPair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const hmac = (secret: string | Buffer) => (input: string) => createHmac('sha256', secret).update(input).digest('base64url');
  const attacks: [string, () => string][] = [
    ['alg none, without signature', () => forge({ ...honestHeader(), alg: 'none' }, honest(), () => '')],
    ['alg None, with the honest signature', () => forge({ ...honestHeader(), alg: 'None' }, honest(), bySigner)],
    ['HS256 with the public key for secret', () => forge({ ...honestHeader(), alg: 'HS256' }, honest(), hmac(publicKey.x))],
    [
      'HS256 with the bytes of the public key for secret',
      () => forge({ ...honestHeader(), alg: 'HS256' }, honest(), hmac(Buffer.from(publicKey.x, 'base64url'))),
    ],
    [
      'RS256 by a key of one’s own',
      () =>
        forge({ ...honestHeader(), alg: 'RS256' }, honest(), (input) =>
          sign('sha256', Buffer.from(input), rsaPair.privateKey).toString('base64url'),
        ),
    ],
    ['another key under the honest kid', () => forge(honestHeader(), honest(), by(otherPair.privateKey))],
    ['a kid that nobody has', () => forge({ ...honestHeader(), kid: 'nobody' }, honest(), bySigner)],
    ['no kid', () => forge({ alg: 'EdDSA', typ: 'at+jwt' }, honest(), bySigner)],
    ['a kid that is a path', () => forge({ ...honestHeader(), kid: '../../../dev/null' }, honest(), hmac(''))],
    ['a kid of Object.prototype', () => forge({ ...honestHeader(), kid: '__proto__' }, honest(), bySigner)],
    [
      'its own key in the header (jwk)',
      () => forge({ ...honestHeader(), jwk: otherPair.publicKey.export({ format: 'jwk' }) }, honest(), by(otherPair.privateKey)),
    ],
    ['a key by URL (jku)', () => forge({ ...honestHeader(), jku: 'https://attacker.example/keys' }, honest(), by(otherPair.privateKey))],
    ['a critical extension', () => forge({ ...honestHeader(), crit: ['exp'] }, honest(), bySigner)],
    ['another type', () => forge({ ...honestHeader(), typ: 'JWT' }, honest(), bySigner)],
    ['another issuer', () => forge(honestHeader(), { ...honest(), iss: 'https://attacker.example' }, bySigner)],
    ['another audience', () => forge(honestHeader(), { ...honest(), aud: 'other' }, bySigner)],
    ['expired', () => forge(honestHeader(), { ...honest(), iat: seconds - 600, exp: seconds - 300 }, bySigner)],
    ['from the future', () => forge(honestHeader(), { ...honest(), iat: seconds + 60 }, bySigner)],
    ['not valid yet', () => forge(honestHeader(), { ...honest(), nbf: seconds + 60 }, bySigner)],
    ['an end that is no number', () => forge(honestHeader(), { ...honest(), exp: 'never' }, bySigner)],
    ['a subject that is no id', () => forge(honestHeader(), { ...honest(), sub: 'admin' }, bySigner)],
    ['roles that are no list', () => forge(honestHeader(), { ...honest(), roles: 'admin' }, bySigner)],
    ...['iss', 'aud', 'sub', 'sid', 'roles', 'ver', 'iat', 'exp', 'jti'].map((name): [string, () => string] => [
      `without ${name}`,
      () => forge(honestHeader(), { ...honest(), [name]: undefined }, bySigner),
    ]),
    [
      'an edited role',
      () => {
        const [header, , signature] = token.split('.');
        return `${header}.${Buffer.from(JSON.stringify({ ...honest(), roles: ['admin'] })).toString('base64url')}.${signature}`;
      },
    ],
    ['encrypted instead of signed', () => `${token}.${'A'.repeat(22)}.${'A'.repeat(22)}`],
    ['nothing', () => ''],
    ['two dots', () => '..'],
  ];
  test.for(attacks)('%s', async ([, attack]) => {
    expect(await read(attack())).toBeUndefined();
  });

  test('any one character changed', async () => {
    const positions = fc.integer({ min: 0, max: token.length - 1 });
    const characters = fc.constantFrom(...'ABCabc019-_.=');
    await fc.assert(
      fc.asyncProperty(positions, characters, async (position, character) => {
        const changed = token.slice(0, position) + character + token.slice(position + 1);
        // The last character holds two bits that count for nothing: another one may spell the same signature.
        fc.pre(changed !== token && !(position === token.length - 1 && sameBytes(changed, token)));
        expect(await read(changed)).toBeUndefined();
      }),
    );
  });
});

const sameBytes = (one: string, other: string) =>
  Buffer.from(one.split('.')[2] ?? '', 'base64url').equals(Buffer.from(other.split('.')[2] ?? '', 'base64url'));
