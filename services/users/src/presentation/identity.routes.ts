import { IdentityAnswer, IdentityQuestion } from '@stoa/auth';
import { Answer, type Http } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { IdentityFeed } from '../application/permission-ports.ts';
import { clientSignal } from './client-signal.ts';

const KeySet = named(
  'KeySet',
  Type.Object(
    {
      keys: Type.Array(
        Type.Object({
          kty: Type.Literal('OKP'),
          crv: Type.Literal('Ed25519'),
          x: Type.String(),
          kid: Type.String(),
          use: Type.Literal('sig'),
          alg: Type.Literal('EdDSA'),
        }),
      ),
    },
    { description: 'A JWK Set by RFC 7517; keys by RFC 8037.' },
  ),
);
/** Less than the time after which a new key begins to sign. */
const KEY_SET_SECONDS = 15;

/** Bytes of a request that names as many service accounts as it may. */
const QUESTION_BYTES = 65_536;

/** How others learn who has access: the feed for the services of Stoa itself, the key set for anyone. */
export function identityRoutes(http: Http, feed: IdentityFeed): void {
  http.post(
    '/internal/identity',
    {
      config: { access: 'service', held: true },
      bodyLimit: QUESTION_BYTES,
      schema: {
        tags: ['internal'],
        operationId: 'askForIdentityNews',
        summary: 'Wait for changes of keys, roles, service accounts and revocations',
        description: 'Answered as soon as there is a change, else after ten seconds. What was in one answer may be in the next one too.',
        body: IdentityQuestion,
        response: { 200: Answer('The changes, if any.', IdentityAnswer) },
      },
    },
    async (request, reply) => await feed.answer(request.body, AbortSignal.any([clientSignal(reply), http.ending])),
  );
  http.get(
    '/.well-known/jwks.json',
    {
      config: { access: 'anyone' },
      schema: {
        tags: ['sessions'],
        operationId: 'readKeySet',
        summary: 'The public keys that access tokens are signed with',
        description: 'For programs that check tokens themselves. They do not learn of log-outs: for that ask an API of this installation.',
        response: { 200: Answer('The keys.', KeySet, 'Cache-Control') },
      },
    },
    async (_request, reply) => {
      void reply.header('cache-control', `public, max-age=${KEY_SET_SECONDS}`);
      const keys = await feed.keys();
      return { keys: keys.map((key) => ({ ...key, use: 'sig' as const, alg: 'EdDSA' as const })) };
    },
  );
}
