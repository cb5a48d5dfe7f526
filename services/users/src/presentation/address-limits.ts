import { limitByAddress, type RateLimiter, type RatePolicy } from '@stoa/http';
import { AppError } from '@stoa/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { UsersConfig } from '../config.ts';
import type { errors } from '../errors.ts';

/** What one client address may do; the budgets of an account are not among it. */
export interface AddressLimits {
  /** @throws 429 `rate_limited`. */
  countRegistration(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** @throws 429 `rate_limited`. */
  countResend(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /**
   * Reserves a place among the failures of the address, does `work`, and gives the place back unless credentials or code were
   * wrong. Reserving first means that parallel guesses cannot pass the limit together. @throws 429 `rate_limited` before `work`.
   */
  countFailure<T>(request: FastifyRequest, reply: FastifyReply, work: () => Promise<T>): Promise<T>;
}

const FAILURES: readonly (keyof (typeof errors)['catalogue'])[] = ['invalid_credentials', 'code_invalid'];
const isFailure = (error: unknown) => error instanceof AppError && FAILURES.some((code) => code === error.code);

export function createAddressLimits(limiter: RateLimiter, config: UsersConfig): AddressLimits {
  const policy = (name: string, limit: number, windowSeconds: number): RatePolicy => ({
    name,
    limit: config.RATE_LIMITS === 'on' ? limit : 0,
    windowSeconds,
  });
  const registrations = policy('registrations', config.REGISTRATIONS_PER_HOUR, 3_600);
  const failures = policy('failures', config.FAILURES_PER_MINUTE, 60);
  const resends = policy('resends', config.RESENDS_PER_HOUR, 3_600);

  return {
    async countRegistration(request, reply) {
      await limitByAddress(limiter, registrations, request, reply);
    },
    async countResend(request, reply) {
      await limitByAddress(limiter, resends, request, reply);
    },
    async countFailure(request, reply, work) {
      const giveBack = await limitByAddress(limiter, failures, request, reply);
      let failed = false;
      try {
        return await work();
      } catch (error) {
        failed = isFailure(error);
        throw error;
      } finally {
        if (!failed) await giveBack();
      }
    },
  };
}
