import { createHash } from 'node:crypto';
import type { RedisConnection } from './connection.ts';

/** Runs a script on Redis atomically: no other client sees a part of what it does, nor comes in between. */
export type Script = (redis: RedisConnection, keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>;

/** @param lua for Redis 5 or newer; sent where Redis does not know it yet, named by its digest else. */
export function script(lua: string): Script {
  const digest = createHash('sha1').update(lua).digest('hex');
  return async ({ client }, keys, args) => {
    try {
      return await client.evalsha(digest, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return await client.eval(lua, keys.length, ...keys, ...args);
    }
  };
}
