import type { FastifyReply, FastifyRequest } from 'fastify';
import { clientIpKey } from './client-ip.ts';
import type { Http } from './create-http.ts';
import { httpErrors } from './http-errors.ts';
import { mergeProblems, problems } from './problem.ts';
import { limitBy, type RateLimiter, type RatePolicy } from './rate-limit.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** So many requests of one caller: of a principal, or else of a client IP. */
    limit?: RatePolicy;
  }
}

export interface CallerLimitsOptions {
  readonly limiter: RateLimiter;
  /** The caller, once the guards have admitted it; without one it is the client's IP. */
  readonly callerOf?: (request: FastifyRequest) => string | undefined;
}

/**
 * Enforces `config.limit` of the routes that are declared from now on, and shows it in their description. Requests are counted behind
 * the guards and before the body is read, so that a refusal is cheap; a malformed request counts too.
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
    return caller === undefined ? `ip ${clientIpKey(request.clientIp)}` : `caller ${caller}`;
  }
}
