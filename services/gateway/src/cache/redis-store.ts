import { hash, randomUUID } from 'node:crypto';
import type { RedisConnection } from '@stoa/redis';
import type { Clock } from '@stoa/service';
import { type CacheKey, type CacheStore, type Finding, isMark, type Stored, type StoredAnswer } from './store.ts';

const PREFIX = 'stoa:cache:';
/** Everything is kept under it. */
const ALL = `${PREFIX}tag:all`;
/** A path that nothing is kept of is forgotten after so long; one of which something is kept lives as long as that and this. */
const PATH_TAG_SECONDS = 60;

const NOTHING: Finding = { found: undefined, keep: () => false };

/**
 * The level that all copies of the gateway share. A tag is a key with a random value, made when it is first asked for; what is kept says
 * which values its tags had before it was fetched, and counts as long as they still have them. An invalidation removes the key of the tag:
 * one command, which ends all that is kept under it and all that is being fetched. A tag that Redis loses or evicts does the same.
 * An invalidation that could not be brought to Redis is made up for, by clearing everything, before anything is read again.
 */
export function createRedisStore({ client }: RedisConnection, clock: Clock): CacheStore<Promise<Finding>> {
  /** This process cannot know what happened before it began. */
  let owes = true;

  async function remove(keys: readonly string[]): Promise<boolean> {
    try {
      await client.del(...keys);
      return true;
    } catch {
      owes = true;
      return false;
    }
  }

  async function pay(): Promise<boolean> {
    if (owes) {
      owes = false;
      await remove([ALL]);
    }
    return !owes;
  }

  client.on('ready', () => void pay());
  void pay();

  async function read({ key, tags }: CacheKey): Promise<{ stored: Stored | undefined; versions: readonly string[] }> {
    const name = nameOf('entry', key);
    const pipeline = client.pipeline();
    pipeline.set(ALL, randomUUID(), 'NX');
    for (const [index, tag] of tags.entries()) {
      // There are few routes, and their tags stay.
      if (index === 0) pipeline.set(nameOf('tag', tag), randomUUID(), 'NX');
      else pipeline.set(nameOf('tag', tag), randomUUID(), 'EX', PATH_TAG_SECONDS, 'NX');
    }
    pipeline.mgetBuffer(name, ALL, ...tags.map((tag) => nameOf('tag', tag)));
    pipeline.pttl(name);
    const results = (await pipeline.exec()) ?? [];
    for (const [error] of results) if (error !== null) throw error;
    const lastsMs = results.pop()?.[1] as number;
    const [entry, ...current] = (results.pop()?.[1] ?? []) as (Buffer | null)[];
    const versions = current.map((version) => version?.toString() ?? '');
    const stored = entry ? decode(entry, versions) : undefined;
    return { stored: stored && notLongerThan(clock.now().getTime() + lastsMs, stored), versions };
  }

  async function write({ key, tags }: CacheKey, stored: Stored, versions: readonly string[]): Promise<void> {
    const milliseconds = stored.expiresAt - clock.now().getTime();
    if (milliseconds <= 0) return;
    const pipeline = client.pipeline().set(nameOf('entry', key), encode(stored, versions), 'PX', Math.ceil(milliseconds));
    const lives = Math.ceil(milliseconds / 1_000) + PATH_TAG_SECONDS;
    for (const tag of tags.slice(1)) pipeline.expire(nameOf('tag', tag), lives);
    await pipeline.exec();
  }

  return {
    async find(place) {
      try {
        if (!(await pay())) return NOTHING;
        const { stored, versions } = await read(place);
        // A tag that was removed between the making and the reading: the next one to come makes it.
        if (versions.includes('')) return NOTHING;
        return {
          found: stored !== undefined && stored.expiresAt > clock.now().getTime() ? stored : undefined,
          keep: (fetched, at = place) => {
            if (owes) return false;
            write(at, fetched, versions).catch(() => {});
            return true;
          },
        };
      } catch {
        // Redis is unavailable, which its connection has logged.
        return NOTHING;
      }
    },
    invalidate: (tags) => void remove(tags.map((tag) => nameOf('tag', tag))),
    clear: () => void remove([ALL]),
  };
}

/** The copy that kept it may have a clock that is ahead of ours; the clock of Redis is the same for all. */
function notLongerThan(until: number, stored: Stored): Stored {
  const ahead = Math.max(0, stored.expiresAt - until);
  const expiresAt = stored.expiresAt - ahead;
  return isMark(stored) ? { ...stored, expiresAt } : { ...stored, expiresAt, madeAt: stored.madeAt - ahead };
}

/** As long whatever a client asks for. */
const nameOf = (kind: 'entry' | 'tag', name: string): string => `${PREFIX}${kind}:${hash('sha256', name, 'base64url')}`;

interface Head {
  readonly versions: readonly string[];
  readonly stored: Omit<StoredAnswer, 'body'> | Stored;
}

/** The length of the head, the head as JSON, the body. */
function encode(stored: Stored, versions: readonly string[]): Buffer {
  const { body, ...rest } = isMark(stored) ? { ...stored, body: Buffer.alloc(0) } : stored;
  const head = Buffer.from(JSON.stringify({ versions, stored: rest } satisfies Head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, body]);
}

/** @returns undefined for what was kept under other versions. @throws for what this did not write. */
function decode(entry: Buffer, current: readonly string[]): Stored | undefined {
  const end = 4 + entry.readUInt32BE();
  const { versions, stored } = JSON.parse(entry.toString('utf8', 4, end)) as Head;
  if (versions.length !== current.length || versions.some((version, index) => version !== current[index])) return undefined;
  return 'vary' in stored ? stored : { ...stored, body: entry.subarray(end) };
}
