import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { DeriveKey } from '@stoa/service';
import type { PresentedToken, RefreshToken, RefreshTokens } from '../application/session-ports.ts';

const PREFIX = 'stoa_rt_';
/** Session (16 bytes), generation (4), secret (32), and a tag (16) that shows that it was made here. */
const ID_BYTES = 16;
const HEAD_BYTES = ID_BYTES + 4;
const BODY_BYTES = HEAD_BYTES + 32;
const TOKEN = /^stoa_rt_([A-Za-z0-9_-]{91})$/;

/**
 * The secret of a successor is HMAC-SHA-256 over the token that it replaces: a client that presents that again gets the same one, and
 * only a digest is stored. The tag tells an old token, whose digest is no longer kept, from one that was made up: only the
 * first ends a session.
 */
export function createRefreshTokens(derive: DeriveKey): RefreshTokens {
  const successorKey = derive('refresh-token');
  const tagKey = derive('refresh-token-tag');
  const tagOf = (body: Buffer) => createHmac('sha256', tagKey).update(body).digest().subarray(0, 16);

  const make = (id: Buffer, generation: number, secret: Buffer): RefreshToken => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(generation);
    const body = Buffer.concat([id, head, secret]);
    const bytes = Buffer.concat([body, tagOf(body)]);
    return { token: PREFIX + bytes.toString('base64url'), digest: digestOf(bytes) };
  };

  return {
    first: (sessionId) => make(Buffer.from(sessionId.replaceAll('-', ''), 'hex'), 1, randomBytes(32)),
    read(token): PresentedToken | undefined {
      const encoded = TOKEN.exec(token)?.[1];
      if (encoded === undefined) return undefined;
      const bytes = Buffer.from(encoded, 'base64url');
      const body = bytes.subarray(0, BODY_BYTES);
      // Compared as text too: base64url has spare bits, and one token must have one spelling.
      if (bytes.toString('base64url') !== encoded || !timingSafeEqual(tagOf(body), bytes.subarray(BODY_BYTES))) return undefined;
      const id = body.subarray(0, ID_BYTES);
      const generation = body.readUInt32BE(ID_BYTES);
      const secret = createHmac('sha256', successorKey).update(bytes).digest();
      return { sessionId: uuidOf(id), generation, digest: digestOf(bytes), successor: make(id, generation + 1, secret) };
    },
  };
}

const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest();

const uuidOf = (bytes: Buffer) => bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
