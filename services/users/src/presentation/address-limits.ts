import { addressKey, limitByAddress, type RateLimiter, type RatePolicy } from '@stoa/http';
import { AppError } from '@stoa/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { withDeadline } from '../application/deadline.ts';
import type { UsersConfig } from '../config.ts';
import type { errors } from '../errors.ts';
import { clientSignal } from './client-signal.ts';
import { createUndecided } from './undecided.ts';

/** What one client address may do; the budgets of an account are not among it. */
export interface AddressLimits {
  /** @throws 429 `rate_limited`. */
  countRegistration(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** @throws 429 `rate_limited`. */
  countResend(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /**
   * Reserves a place among the failures of the address, does `work`, and gives the place back unless credentials or code were
   * wrong. Reserving first means that parallel guesses cannot pass the limit together. Who finds places taken that may yet be
   * given back waits for that, as being many is no failure; `work` is given the signal that ends its waiting too.
   * @throws 429 `rate_limited` before `work`; 503 `hashing_busy` after ten seconds of waiting.
   */
  countFailure<T>(request: FastifyRequest, reply: FastifyReply, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
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

  const undecided = createUndecided();

  return {
    async countRegistration(request, reply) {
      await limitByAddress(limiter, registrations, request, reply);
    },
    async countResend(request, reply) {
      await limitByAddress(limiter, resends, request, reply);
    },
    async countFailure(request, reply, work) {
      return await withDeadline(clientSignal(reply), async (signal) => {
        const place = undecided.enter(addressKey(request.clientAddress));
        let giveBack = async () => {};
        let failed = false;
        try {
          giveBack = await limitByAddress(limiter, failures, request, reply, () => place.otherDecided(signal));
          return await work(signal);
        } catch (error) {
          failed = isFailure(error);
          throw error;
        } finally {
          try {
            if (!failed) await giveBack();
          } finally {
            place.leave();
          }
        }
      });
    },
  };
}
