import type { ServerResponse } from 'node:http';
import type { AppError } from '@stoa/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { addressKey } from './address.ts';
import { defaultHeader, setDefaultHeader } from './default-headers.ts';
import { httpErrors } from './http-errors.ts';

/** So many of one thing, in so many seconds. A limit of 0 is none. */
export interface RatePolicy {
  /** Short and stable: part of the key, and the name in `RateLimit-Policy`. */
  readonly name: string;
  readonly limit: number;
  readonly windowSeconds: number;
}

export interface RateState {
  readonly allowed: boolean;
  readonly remaining: number;
  /** Whole seconds until the window ends. */
  readonly resetSeconds: number;
  /** When the window ends, in milliseconds of the store's clock: which window it is. */
  readonly endsAt: number;
  /** Places that others have reserved, and of which it is not decided yet whether they stay taken. */
  readonly undecided: number;
  /** Which reservation it is. */
  readonly reservation?: string;
}

/**
 * Counts by key in windows that begin with their first request. Exact over everything that shares the store.
 * `rate-limiter-contract.ts` is what every adapter passes.
 */
export interface RateLimiter {
  /** Takes a place, where one is left. */
  consume(policy: RatePolicy, key: string): Promise<RateState>;
  /**
   * Takes a place that may be given back, for limits on failures: reserved before, given back after a success. Until `confirm` or
   * `refund`, and for `forMs` at most, others are told that it is undecided; the place itself is taken until the window ends.
   */
  reserve(policy: RatePolicy, key: string, forMs: number): Promise<RateState>;
  /** The place that was reserved stays taken. */
  confirm(policy: RatePolicy, key: string, state: RateState): Promise<void>;
  /** Gives the place of a `consume` or `reserve` back. Nothing happens when the window of `state` is over. */
  refund(policy: RatePolicy, key: string, state: RateState): Promise<void>;
}

/** What a limit does beside counting. */
export interface LimitOptions {
  /** Gets `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10); without it the client is not told how many are left. */
  readonly reply?: FastifyReply;
  /** The error of a refusal; `rate_limited` by default. */
  readonly refusal?: (retryAfterSeconds: number) => AppError;
}

/**
 * Counts one against the policy for the key.
 * @throws 429 `rate_limited` with `Retry-After`, or the refusal of the options.
 */
export async function limitBy(limiter: RateLimiter, policy: RatePolicy, key: string, options: LimitOptions = {}): Promise<void> {
  if (policy.limit > 0) tellLimit(policy, await limiter.consume(policy, key), options);
}

/** Tells the client how many are left. @throws the refusal where none is. */
export function tellLimit(policy: RatePolicy, state: RateState, { reply, refusal = rateLimited }: LimitOptions): void {
  if (reply !== undefined) {
    setItem(reply, 'ratelimit-policy', policy.name, policyItem(policy));
    setItem(reply, 'ratelimit', policy.name, stateItem(policy, state));
  }
  if (!state.allowed) throw refusal(state.resetSeconds);
}

const policyItem = ({ name, limit, windowSeconds }: RatePolicy): string => `"${name}";q=${limit};w=${windowSeconds}`;
const stateItem = ({ name }: RatePolicy, { remaining, resetSeconds }: RateState): string => `"${name}";r=${remaining};t=${resetSeconds}`;

/** The same on a raw response, as the first limit that it is told of. @returns 429 `rate_limited` where none is left. */
export function tellFirstLimit(response: ServerResponse, policy: RatePolicy, state: RateState): AppError | undefined {
  setDefaultHeader(response, 'ratelimit-policy', policyItem(policy));
  setDefaultHeader(response, 'ratelimit', stateItem(policy, state));
  return state.allowed ? undefined : rateLimited(state.resetSeconds);
}

/** Counts the request against the policy for its address. @throws 429 `rate_limited`. */
export async function limitByAddress(
  limiter: RateLimiter,
  policy: RatePolicy,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  await limitBy(limiter, policy, addressKey(request.clientAddress), { reply });
}

const rateLimited = (retryAfterSeconds: number) => httpErrors.rate_limited({ retryAfterSeconds });

/** Both headers are lists (RFC 9651 §3.1): a route may have several limits. One that is counted twice is told as it was last. */
function setItem(reply: FastifyReply, header: string, name: string, item: string): void {
  const items = String(reply.getHeader(header) ?? defaultHeader(reply.raw, header) ?? '').split(', ');
  const others = items.filter((other) => other !== '' && !other.startsWith(`"${name}";`));
  void reply.header(header, [...others, item].join(', '));
}
