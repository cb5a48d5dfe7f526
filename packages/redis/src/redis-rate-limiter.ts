import { createHash } from 'node:crypto';
import type { RateLimiter, RatePolicy, RateState } from '@stoa/http';
import { type Logger, uuidv7 } from '@stoa/service';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { RedisConnection } from './connection.ts';
import { script } from './script.ts';

export interface RedisRateLimiterOptions {
  /** Counts while Redis is away, for this process alone. */
  readonly fallback: RateLimiter;
  readonly log: Logger;
}

/**
 * A hash holds the places that are used and when the window ends, by Redis' own clock; a sorted set the reservations that nobody has
 * decided, by the time until which they count as such. Both go with their window.
 */
const take = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'used', 'ends_at')
local used, ends_at = tonumber(known[1]), tonumber(known[2])
if not ends_at or ends_at <= now then
  used, ends_at = 0, now + ARGV[2]
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'used', 0, 'ends_at', ends_at)
  redis.call('PEXPIREAT', KEYS[1], ends_at)
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local undecided = redis.call('ZCARD', KEYS[2])
local allowed = used < tonumber(ARGV[1])
if allowed then
  used = redis.call('HINCRBY', KEYS[1], 'used', 1)
  if ARGV[3] ~= '' then
    redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[3])
    redis.call('PEXPIREAT', KEYS[2], ends_at)
  end
end
return {allowed and 1 or 0, used, now, ends_at, undecided}`);

const decide = script(`
if ARGV[2] ~= '' then redis.call('ZREM', KEYS[2], ARGV[2]) end
if ARGV[3] == 'free' and redis.call('HGET', KEYS[1], 'ends_at') == ARGV[1] and tonumber(redis.call('HGET', KEYS[1], 'used')) > 0 then
  redis.call('HINCRBY', KEYS[1], 'used', -1)
end`);

const isTaken = Compile(Type.Tuple([Type.Integer(), Type.Integer(), Type.Integer(), Type.Integer(), Type.Integer()]));

/**
 * A limiter for all processes that share the Redis. While that is away each process counts for itself, with `fallback`: a limit is
 * then up to so many times as high as there are processes, and nobody is refused for want of Redis.
 */
export function createRedisRateLimiter(redis: RedisConnection, { fallback, log }: RedisRateLimiterOptions): RateLimiter {
  /** States that only the fallback knows of. */
  const ofFallback = new WeakSet<RateState>();
  let isAway = false;

  async function inRedis(policy: RatePolicy, key: string, forMs?: number): Promise<RateState> {
    const { limit, windowSeconds } = policy;
    const reservation = forMs === undefined ? '' : uuidv7();
    const answer = await take(redis, keysOf(policy, key), [limit, windowSeconds * 1_000, reservation, forMs ?? 0]);
    if (!isTaken.Check(answer)) throw new TypeError('Redis answered something other than a limit');
    const [allowed, used, now, endsAt, undecided] = answer;
    return {
      allowed: allowed === 1,
      remaining: Math.max(0, limit - used),
      resetSeconds: Math.ceil((endsAt - now) / 1_000),
      endsAt,
      undecided,
      ...(allowed === 1 && reservation !== '' && { reservation }),
    };
  }

  async function orElse(count: () => Promise<RateState>, countHere: () => Promise<RateState>): Promise<RateState> {
    try {
      const state = await count();
      if (isAway) log.info('limits hold over all processes again');
      isAway = false;
      return state;
    } catch (error) {
      if (!isAway) log.warn({ reason: error instanceof Error ? error.message : error }, 'limits are counted per process: Redis is away');
      isAway = true;
      const state = await countHere();
      ofFallback.add(state);
      return state;
    }
  }

  async function settle(policy: RatePolicy, key: string, state: RateState, place: 'free' | 'taken'): Promise<void> {
    // A place that cannot be given back stays taken until its window ends: that is the safe side, and no reason to fail.
    await decide(redis, keysOf(policy, key), [state.endsAt, state.reservation ?? '', place]).catch(() => {});
  }

  return {
    consume: (policy, key) =>
      orElse(
        () => inRedis(policy, key),
        () => fallback.consume(policy, key),
      ),
    reserve: (policy, key, forMs) =>
      orElse(
        () => inRedis(policy, key, forMs),
        () => fallback.reserve(policy, key, forMs),
      ),
    confirm: (policy, key, state) => (ofFallback.has(state) ? fallback.confirm(policy, key, state) : settle(policy, key, state, 'taken')),
    refund: (policy, key, state) => (ofFallback.has(state) ? fallback.refund(policy, key, state) : settle(policy, key, state, 'free')),
  };
}

/** Digests: a key may be a client IP or what somebody typed. The braces keep both in one slot of a cluster. */
function keysOf({ name }: RatePolicy, key: string): [string, string] {
  const window = `stoa:limit:{${name}:${createHash('sha256').update(key).digest('base64url')}}`;
  return [window, `${window}:undecided`];
}
