import { bearerToken, type Identity, type Principal } from '@stoa/auth';
import { clientIpKey, enforceFirstLimit, type RateLimiter, type RatePolicy } from '@stoa/http';
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction, onRequestHookHandler } from 'fastify';
import { type Static, Type } from 'typebox';

const perMinute = (what: string, amount: number) =>
  Type.Integer({ default: amount, minimum: 0, description: `${what} in a minute; 0 = off.` });

export const limitsConfig = {
  RATE_LIMITS: Type.Enum(['on', 'off'], { default: 'on', description: 'Limits per client IP. Budgets per account stay on.' }),
  PUBLIC_READS_PER_MINUTE: perMinute('Reads of one client IP without a valid token', 6_000),
  SIGNED_IN_READS_PER_MINUTE: perMinute('Reads of one person or service account', 6_000),
  WRITES_PER_MINUTE: perMinute('Writes of one person or service account, or else of one client IP,', 1_200),
};

type LimitsConfig = Static<ReturnType<typeof Type.Object<typeof limitsConfig>>>;

/** What a route of the gateway counts before it is handed over. */
export interface Limits {
  /** @param isElsewhere its service runs in another process: what it would refuse anyhow is then refused here. */
  of(isElsewhere: boolean): onRequestHookHandler;
}

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/**
 * Counts requests by caller: by the person or service account whose token the gateway has verified, else by the client's IP.
 * A token is verified here and again by its service. In the same process a bad one is the service's to refuse, which costs no more.
 */
export function createLimits(limiter: RateLimiter, identity: Identity, config: LimitsConfig): Limits | undefined {
  if (config.RATE_LIMITS === 'off') return undefined;
  const policy = (name: string, limit: number): RatePolicy => ({ name, limit, windowSeconds: 60 });
  const publicReads = policy('public-reads', config.PUBLIC_READS_PER_MINUTE);
  const signedInReads = policy('signed-in-reads', config.SIGNED_IN_READS_PER_MINUTE);
  const writes = policy('writes', config.WRITES_PER_MINUTE);

  function count(request: FastifyRequest, reply: FastifyReply, principal: Principal | undefined, done: HookHandlerDoneFunction): void {
    const isRead = READS.has(request.method);
    const chosen = isRead ? (principal === undefined ? publicReads : signedInReads) : writes;
    if (chosen.limit === 0) {
      done();
      return;
    }
    const key = principal === undefined ? `ip ${clientIpKey(request.clientIp)}` : keyOf(principal);
    // On the raw response, where what answers writes.
    limiter.consume(chosen, key).then((state) => done(enforceFirstLimit(reply.raw, chosen, state)), done);
  }

  return {
    of: (isElsewhere) => (request, reply, done) => {
      const token = bearerToken(request.headers.authorization);
      if (token === undefined) return count(request, reply, undefined, done);
      identity.authenticate(token).then(
        (principal) => count(request, reply, principal, done),
        // Counted first: a client that makes tokens up has as many tries as others have requests.
        (refusal: Error) => count(request, reply, undefined, (limited?: Error) => done(limited ?? (isElsewhere ? refusal : undefined))),
      );
    },
  };
}

const keyOf = (principal: Principal): string =>
  principal.kind === 'service' ? `service ${principal.name}` : `${principal.kind} ${principal.id}`;
