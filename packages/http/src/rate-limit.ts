import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { AppError } from '@stoa/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clientIpKey } from './client-ip.ts';
import { defaultHeader, setDefaultHeader } from './default-headers.ts';
import { httpErrors } from './http-errors.ts';

/** So many of one thing, in so many seconds. A limit of 0 means no limit. */
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
   * `refund`, and for `forMs` at most, others see it as undecided; the place itself is taken until the window ends.
   */
  reserve(policy: RatePolicy, key: string, forMs: number): Promise<RateState>;
  /** The place that was reserved stays taken. */
  confirm(policy: RatePolicy, key: string, state: RateState): Promise<void>;
  /** Gives the place of a `consume` or `reserve` back. Nothing happens when the window of `state` is over. */
  refund(policy: RatePolicy, key: string, state: RateState): Promise<void>;
}

/** What a limit does beside counting. */
export interface LimitOptions {
  /** Gets `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10); without it the client does not see the rest. */
  readonly reply?: FastifyReply;
  /** The error of a refusal; `rate_limited` by default. */
  readonly refusal?: (retryAfterSeconds: number) => AppError;
}

/**
 * Counts one against the policy for the key.
 * @throws 429 `rate_limited` with `Retry-After`, or the refusal of the options.
 */
export async function limitBy(limiter: RateLimiter, policy: RatePolicy, key: string, options: LimitOptions = {}): Promise<void> {
  if (policy.limit > 0) enforceLimit(policy, await limiter.consume(policy, key), options);
}

/** Shows the client how many are left. @throws the refusal where none is. */
export function enforceLimit(policy: RatePolicy, state: RateState, { reply, refusal = rateLimited }: LimitOptions): void {
  if (reply !== undefined) {
    setItem(reply, 'ratelimit-policy', policyItem(policy));
    setItem(reply, 'ratelimit', stateItem(policy, state));
  }
  if (!state.allowed) throw refusal(state.resetSeconds);
}

const policyItem = ({ name, limit, windowSeconds }: RatePolicy): string => `"${name}";q=${limit};w=${windowSeconds}`;
const stateItem = ({ name }: RatePolicy, { remaining, resetSeconds }: RateState): string => `"${name}";r=${remaining};t=${resetSeconds}`;

/** The same on a raw response, as the first limit in its headers. @returns 429 `rate_limited` where none is left. */
export function enforceFirstLimit(response: ServerResponse, policy: RatePolicy, state: RateState): AppError | undefined {
  setDefaultHeader(response, 'ratelimit-policy', policyItem(policy));
  setDefaultHeader(response, 'ratelimit', stateItem(policy, state));
  return state.allowed ? undefined : rateLimited(state.resetSeconds);
}

/** Counts the request against the policy for its client IP. @throws 429 `rate_limited`. */
export async function limitByClientIp(
  limiter: RateLimiter,
  policy: RatePolicy,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  await limitBy(limiter, policy, clientIpKey(request.clientIp), { reply });
}

const rateLimited = (retryAfterSeconds: number) => httpErrors.rate_limited({ retryAfterSeconds });

const NAMES = ['ratelimit-policy', 'ratelimit'] as const;

/** Appends the limits that a service sent in its answer to those that the response has already. @param headers of that answer. */
export function joinLimits(response: ServerResponse, headers: OutgoingHttpHeaders): void {
  for (const name of NAMES) {
    const more = headers[name];
    const told = more === undefined ? undefined : defaultHeader(response, name);
    if (told !== undefined) headers[name] = withItems(told, String(more));
  }
}

function setItem(reply: FastifyReply, header: string, item: string): void {
  void reply.header(header, withItems(String(reply.getHeader(header) ?? defaultHeader(reply.raw, header) ?? ''), item));
}

/** Both headers are lists (RFC 9651 §3.1): a request may be counted by several limits. One that comes twice keeps its last value. */
function withItems(list: string, more: string): string {
  const items = new Map<string, string>();
  for (const item of [...list.split(', '), ...more.split(', ')]) {
    const [name = ''] = item.split(';', 1);
    items.delete(name);
    if (item !== '') items.set(name, item);
  }
  return [...items.values()].join(', ');
}
