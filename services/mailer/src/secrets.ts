import type { CallService } from '@stoa/http';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';

/** What a mail can carry that nobody stores: a code, or the token of a link. Both exist from the moment their mail leaves. */
export type SecretKind = 'code' | 'link';

/** What users is asked for when a mail leaves. */
export interface SecretRequest {
  readonly kind: SecretKind;
  readonly requestId: string;
}

/** A code or token, and how long it works from now on. */
export interface Secret {
  readonly value: string;
  readonly expiresInSeconds: number;
}

export interface Secrets {
  /**
   * Makes the secret of a request; the same request gives the same one.
   * @returns `gone` when the request is replaced, used, too old or its account deleted: nothing is to be sent.
   * @throws when users is away.
   */
  mint(request: SecretRequest): Promise<Secret | 'gone'>;
}

const expiresInSeconds = Type.Integer({ minimum: 1 });
const isCode = Compile(Type.Object({ code: Type.String({ pattern: '^\\d{4,8}$' }), expiresInSeconds }));
const isToken = Compile(Type.Object({ token: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }), expiresInSeconds }));

const PATHS = { code: '/internal/activation-codes', link: '/internal/account-links' } as const;

/** The secrets of the service `users`, asked for by internal calls. */
export function createUsersSecrets(call: CallService): Secrets {
  return {
    async mint({ kind, requestId }) {
      const { status, body } = await call('users', { method: 'POST', path: PATHS[kind], body: { requestId } });
      if (status === 410) return 'gone';
      const secret = status === 200 ? read(kind, body) : undefined;
      if (secret === undefined) throw new Error(`users answered ${status} where a ${kind} was expected`);
      return secret;
    },
  };
}

function read(kind: SecretKind, body: unknown): Secret | undefined {
  if (kind === 'code') return isCode.Check(body) ? { value: body.code, expiresInSeconds: body.expiresInSeconds } : undefined;
  return isToken.Check(body) ? { value: body.token, expiresInSeconds: body.expiresInSeconds } : undefined;
}

/** Stands where the secret stands, in everything that is stored. */
export const MASK = '••••';
/** Pieces of a token that are no accident. */
const PIECE = /[A-Za-z0-9_-]{6,}/g;
/** An equals sign, as mail bodies write it (RFC 2045 §6.7); the link has one before its token. */
const QUOTED_EQUALS = /^3D/;

/** A mail server may quote what it was given, and break a long line of it. */
export function withoutSecret(answer: string, secret: Secret | undefined): string {
  if (secret === undefined) return answer;
  const { value } = secret;
  return answer.replaceAll(value, MASK).replace(PIECE, (piece) => (value.includes(piece.replace(QUOTED_EQUALS, '')) ? MASK : piece));
}
