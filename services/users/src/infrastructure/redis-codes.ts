import type { RedisConnection } from '@stoa/redis';
import { type Script, script } from '@stoa/redis/script';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Codes } from '../application/credential-ports.ts';
import { TRIES_PER_CODE } from '../domain/activation.ts';
import { errors } from '../errors.ts';

const RETRY_AFTER_SECONDS = 2;

const keep = script(`
local known = redis.call('HMGET', KEYS[1], 'request', 'number')
if known[2] and tonumber(known[2]) > tonumber(ARGV[2]) then return 0 end
if known[1] ~= ARGV[1] then redis.call('HSET', KEYS[1], 'tries', 0) end
redis.call('HSET', KEYS[1], 'request', ARGV[1], 'number', ARGV[2], 'digest', ARGV[3], 'expires_at', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1`);

const attempt = script(`
local code = redis.call('HMGET', KEYS[1], 'request', 'digest', 'tries', 'expires_at')
if not code[1] then return {'none'} end
if tonumber(code[3]) >= tonumber(ARGV[2]) then return {'exhausted'} end
if tonumber(code[4]) <= tonumber(ARGV[1]) then return {'expired'} end
redis.call('HINCRBY', KEYS[1], 'tries', 1)
return {'open', code[1], code[2]}`);

const isOpen = Compile(Type.Tuple([Type.Literal('open'), Type.String(), Type.String()]));
const isClosed = Compile(Type.Tuple([Type.Union([Type.Literal('none'), Type.Literal('expired'), Type.Literal('exhausted')])]));

export interface RedisCodesOptions {
  /** How long a code is remembered: longer than it lives, so that one that has expired can be told from one that never was. */
  readonly keptMs: number;
}

/**
 * Live codes in Redis, one hash for an account: its request, digest, tries and expiry, by the clock of the service. Each operation is
 * one script. A Redis that has lost them has lost the codes with the tries: nothing is left to guess, and no budget is refilled.
 */
export function createRedisCodes(redis: RedisConnection, { keptMs }: RedisCodesOptions): Codes {
  async function run(run: Script, userId: string, ...args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await run(redis, [`stoa:code:${userId}`], args);
    } catch (cause) {
      throw errors.codes_unavailable({ retryAfterSeconds: RETRY_AFTER_SECONDS, cause });
    }
  }

  return {
    async keep({ userId, requestId, requestNumber, digest, expiresAt }) {
      return (await run(keep, userId, requestId, requestNumber, digest.toString('base64url'), expiresAt.getTime(), keptMs)) === 1;
    },
    async attempt(userId, now) {
      const answer = await run(attempt, userId, now.getTime(), TRIES_PER_CODE);
      if (isOpen.Check(answer)) return { state: 'open', requestId: answer[1], digest: Buffer.from(answer[2], 'base64url') };
      if (isClosed.Check(answer)) return { state: answer[0] };
      throw new TypeError('Redis answered something else than the state of a code');
    },
  };
}
