import { parseBasic } from '@stoa/auth';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Authenticator } from '../application/authenticate.ts';
import type { User } from '../domain/user.ts';
import { credentialsRequired } from '../errors.ts';
import type { ClientIpLimits } from './client-ip-limits.ts';

export interface BasicGuard {
  /** @throws 401 `credentials_required`, `invalid_credentials`; 429 `rate_limited`; 503 `hashing_busy`. */
  readonly onRequest: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
  /** The account whose credentials the request brought. */
  accountOf(request: FastifyRequest): User;
}

/** Checks HTTP Basic before the body is read; a wrong password counts against the client IP. */
export function createBasicGuard(authenticator: Authenticator, limits: ClientIpLimits): BasicGuard {
  const accounts = new WeakMap<FastifyRequest, User>();
  return {
    async onRequest(request, reply) {
      const credentials = parseBasic(request.headers.authorization);
      if (credentials === undefined) throw credentialsRequired();
      const claimed = await authenticator.identify(credentials.userId, 'email');
      const { user } = await limits.countFailure(request, reply, claimed.key, (signal) =>
        authenticator.verify(claimed, credentials.password, signal),
      );
      accounts.set(request, user);
    },
    accountOf(request) {
      const account = accounts.get(request);
      if (account === undefined) throw new TypeError(`${request.routeOptions.url} has no Basic guard`);
      return account;
    },
  };
}
