import { clientIpKey, createFailureLimit, limitByClientIp, type RateLimiter, type RatePolicy } from '@stoa/http';
import { AppError, pause } from '@stoa/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { withDeadline } from '../application/deadline.ts';
import type { UsersConfig } from '../config.ts';
import { errors } from '../errors.ts';
import { clientSignal } from './client-signal.ts';

/** What one client IP may do; the budgets of an account are not among it. */
export interface ClientIpLimits {
  /** @throws 429 `rate_limited`. */
  countRegistration(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** @throws 429 `rate_limited`. */
  countPasswordReset(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** @throws 429 `rate_limited`. */
  countResend(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /**
   * Does `work` with a place among the failures of the client IP, and of the account from this client IP (`createFailureLimit`), which
   * it keeps when credentials or code were wrong. `work` is given the signal that ends the waiting for a place too.
   * An account that has many failures from everywhere is answered later, and never locked: nobody can lock out another.
   * @throws 429 `rate_limited`, `too_many_attempts` before `work`; 503 `hashing_busy` after ten seconds of waiting.
   */
  countFailure<T>(request: FastifyRequest, reply: FastifyReply, accountKey: string, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** The same for links, which name no account: a wrong one counts against the client IP alone. */
  countWrongLink<T>(request: FastifyRequest, reply: FastifyReply, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

const FAILURES: readonly (keyof (typeof errors)['catalogue'])[] = [
  'invalid_credentials',
  'code_invalid',
  'link_invalid',
  'setup_code_invalid',
];
const isFailure = (error: unknown) => error instanceof AppError && FAILURES.some((code) => code === error.code);

/** No setting turns these off: they are what stands between a guesser and one account. */
const OF_ACCOUNT_AT_CLIENT_IP: RatePolicy = { name: 'account-failures', limit: 10, windowSeconds: 900 };
const OF_ACCOUNT: RatePolicy = { name: 'account-failures-anywhere', limit: 50, windowSeconds: 3_600 };
/** For each attempt on an account with more failures than that. */
const DELAY_MS = 2_000;

export function createClientIpLimits(limiter: RateLimiter, config: UsersConfig): ClientIpLimits {
  const policy = (name: string, limit: number, windowSeconds: number): RatePolicy => ({
    name,
    limit: config.RATE_LIMITS === 'on' ? limit : 0,
    windowSeconds,
  });
  const registrations = policy('registrations', config.REGISTRATIONS_PER_HOUR, 3_600);
  const failures = policy('failures', config.FAILURES_PER_MINUTE, 60);
  const resends = policy('resends', config.RESENDS_PER_HOUR, 3_600);
  const passwordResets = policy('password-resets', config.PASSWORD_RESETS_PER_HOUR, 3_600);

  const ofClientIp = createFailureLimit({ limiter, policy: failures, isFailure });
  const ofAccount = createFailureLimit({
    limiter,
    policy: OF_ACCOUNT_AT_CLIENT_IP,
    isFailure,
    refusal: (retryAfterSeconds) => errors.too_many_attempts({ retryAfterSeconds }),
  });

  /** Counts the failures of the account from everywhere; beyond its measure each attempt has to wait. */
  async function slowly<T>(accountKey: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const state = await limiter.consume(OF_ACCOUNT, accountKey);
    if (!state.allowed) {
      await pause(DELAY_MS, signal);
      signal.throwIfAborted();
    }
    try {
      const result = await work();
      if (state.allowed) await limiter.refund(OF_ACCOUNT, accountKey, state);
      return result;
    } catch (error) {
      if (state.allowed && !isFailure(error)) await limiter.refund(OF_ACCOUNT, accountKey, state);
      throw error;
    }
  }

  return {
    async countRegistration(request, reply) {
      await limitByClientIp(limiter, registrations, request, reply);
    },
    async countResend(request, reply) {
      await limitByClientIp(limiter, resends, request, reply);
    },
    async countPasswordReset(request, reply) {
      await limitByClientIp(limiter, passwordResets, request, reply);
    },
    async countFailure(request, reply, accountKey, work) {
      const clientIp = clientIpKey(request.clientIp);
      return await withDeadline(clientSignal(reply), (signal) =>
        ofClientIp.run(clientIp, { signal, reply }, () =>
          // No header says how many are left: it would say how many others have tried.
          ofAccount.run(`${accountKey} ${clientIp}`, { signal }, () => slowly(accountKey, () => work(signal), signal)),
        ),
      );
    },
    countWrongLink: (request, reply, work) =>
      withDeadline(clientSignal(reply), (signal) => ofClientIp.run(clientIpKey(request.clientIp), { signal, reply }, () => work(signal))),
  };
}
