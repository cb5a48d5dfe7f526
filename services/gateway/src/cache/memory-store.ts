import type { Clock } from '@stoa/service';
import { type CacheKey, type CacheStore, type Finding, isMark, type Stored } from './store.ts';

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** Of all keys and answers together. */
  readonly maxBytes: number;
  readonly maxEntries?: number;
}

interface Entry {
  readonly stored: Stored;
  readonly tags: readonly string[];
  readonly bytes: number;
}

const MOST_ENTRIES = 20_000;
/** What an entry takes beside its key, headers and body: the objects around them. Rounded up. */
const ENTRY_BYTES = 1_024;

/** The level inside the process. The least recently used entry is removed first. */
export function createMemoryStore({ clock, maxBytes, maxEntries = MOST_ENTRIES }: MemoryStoreOptions): CacheStore<Finding> {
  /** In the order of their last use. */
  const entries = new Map<string, Entry>();
  const keysOf = new Map<string, Set<string>>();
  /** How often each route was invalidated: one number for all of its paths, as those of single paths would fill the memory. */
  const invalidations = new Map<string, number>();
  let clears = 0;
  let bytes = 0;

  function remove(key: string): void {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    bytes -= entry.bytes;
    for (const tag of entry.tags) {
      const keys = keysOf.get(tag);
      keys?.delete(key);
      if (keys?.size === 0) keysOf.delete(tag);
    }
  }

  function keep({ key, tags }: CacheKey, stored: Stored): boolean {
    remove(key);
    const entry = { stored, tags, bytes: sizeOf(key, stored) };
    if (entry.bytes > maxBytes) return false;
    entries.set(key, entry);
    bytes += entry.bytes;
    for (const tag of tags) {
      const keys = keysOf.get(tag);
      if (keys === undefined) keysOf.set(tag, new Set([key]));
      else keys.add(key);
    }
    for (const oldest of entries.keys()) {
      if (bytes <= maxBytes && entries.size <= maxEntries) break;
      remove(oldest);
    }
    return true;
  }

  function fresh(key: string): Stored | undefined {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.stored.expiresAt <= clock.now().getTime()) {
      remove(key);
      return undefined;
    }
    entries.delete(key);
    entries.set(key, entry);
    return entry.stored;
  }

  const countOf = ([route = '']: readonly string[]) => clears + (invalidations.get(route) ?? 0);

  return {
    find(place) {
      const found = fresh(place.key);
      const count = countOf(place.tags);
      return {
        found,
        keep: (stored, at = place) => countOf(place.tags) === count && keep(at, stored),
      };
    },
    invalidate(tags) {
      for (const tag of tags) {
        const route = routeOf(tag);
        invalidations.set(route, (invalidations.get(route) ?? 0) + 1);
        for (const key of keysOf.get(tag) ?? []) remove(key);
      }
    },
    clear() {
      clears += 1;
      entries.clear();
      keysOf.clear();
      bytes = 0;
    },
  };
}

/** The tag of the whole route, which every tag of one of its paths begins with; see `tags.ts`. */
const routeOf = (tag: string): string => tag.split('\n', 1)[0] as string;

function sizeOf(key: string, stored: Stored): number {
  if (isMark(stored)) return ENTRY_BYTES + 2 * key.length;
  const headers = Object.entries(stored.headers).reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
  return ENTRY_BYTES + 2 * (key.length + headers) + stored.body.length;
}
