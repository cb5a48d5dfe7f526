import type { FastifyReply, FastifyRequest } from 'fastify';
import { addressKey } from './address.ts';
import type { Http } from './create-http.ts';
import { httpErrors } from './http-errors.ts';
import { mergeProblems, problems } from './problem.ts';
import { limitBy, type RateLimiter, type RatePolicy } from './rate-limit.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** So many requests of one caller: of a principal, or else of an address. */
    limit?: RatePolicy;
  }
}

export interface CallerLimitsOptions {
  readonly limiter: RateLimiter;
  /** Who calls, once the guards have let them in; without a caller it is the client's address. */
  readonly callerOf?: (request: FastifyRequest) => string | undefined;
}

/**
 * Makes `config.limit` of the routes that are declared from now on hold, and shows it in their description. It is counted behind
 * the guards and before the body is read, so that what is refused is cheap; a request with a wrong form counts too.
 */
export function installCallerLimits(http: Http, { limiter, callerOf = () => undefined }: CallerLimitsOptions): void {
  http.addHook('onRoute', (route) => {
    const policy = route.config?.limit;
    if (policy === undefined) return;
    const count = async (request: FastifyRequest, reply: FastifyReply) => {
      await limitBy(limiter, policy, keyOf(request), { reply });
    };
    route.preParsing = [count, ...[route.preParsing ?? []].flat()];
    if (route.schema) route.schema.response = mergeProblems(problems(httpErrors, 'rate_limited'), route.schema.response ?? {});
  });

  function keyOf(request: FastifyRequest): string {
    const caller = callerOf(request);
    return caller === undefined ? `address ${addressKey(request.clientAddress)}` : `caller ${caller}`;
  }
}
