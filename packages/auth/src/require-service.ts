import { type DeriveKey, defineErrors } from '@stoa/service';
import type { FastifyRequest } from 'fastify';
import { verifyServiceCredential } from './service-credential.ts';

/** Who makes a request, once a guard has proven it. */
export interface Principal {
  readonly kind: 'service';
  readonly name: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    principal?: Principal;
  }
}

export const authErrors = defineErrors({
  service_credential_invalid: {
    kind: 'unauthenticated',
    title: 'This route is for the services of the house.',
    cause: 'A path below /internal/ was called without the credential of a service, or with one made from another STOA_SECRET.',
    fix: 'Clients use the paths below /v1/. Services of one house must all run with the same STOA_SECRET.',
  },
});

/**
 * An `onRequest` hook that lets services of the house pass and sets `request.principal`.
 * @throws 401 `service_credential_invalid`.
 */
export const requireService =
  (derive: DeriveKey) =>
  async (request: FastifyRequest): Promise<void> => {
    const name = verifyServiceCredential(derive, request.headers.authorization);
    if (name === undefined) throw authErrors.service_credential_invalid({ headers: { 'www-authenticate': 'Service realm="stoa"' } });
    request.principal = { kind: 'service', name };
  };
