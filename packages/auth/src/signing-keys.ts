import { calculateJwkThumbprint, exportJWK, exportPKCS8, generateKeyPair, importPKCS8 } from 'jose';
import { ALGORITHM, type TokenSigningKey } from './access-tokens.ts';

/** A new key pair, as it is stored: the private half is to be sealed. */
export interface NewSigningKey {
  /** Thumbprint of the public key (RFC 7638). */
  readonly kid: string;
  /** The public key's `x` (RFC 8037), base64url. */
  readonly publicKey: string;
  /** PKCS #8 in PEM. */
  readonly privateKey: string;
}

export async function generateSigningKey(): Promise<NewSigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(publicKey);
  return { kid: await calculateJwkThumbprint(jwk), publicKey: jwk.x as string, privateKey: await exportPKCS8(privateKey) };
}

export async function openSigningKey({ kid, privateKey }: Pick<NewSigningKey, 'kid' | 'privateKey'>): Promise<TokenSigningKey> {
  return { kid, privateKey: await importPKCS8(privateKey, ALGORITHM) };
}
