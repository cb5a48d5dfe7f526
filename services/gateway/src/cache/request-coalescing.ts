import { withTimeout } from '@stoa/service';
import type { CacheKey, StoredAnswer } from './store.ts';

/** An answer for others too, of the variant under this key. */
export interface Shareable {
  readonly answer: StoredAnswer;
  readonly variant: string;
}

/** How a fetch ended: with an answer for others; with one that is only its own; without one, so that another may try. */
export type FetchOutcome = Shareable | 'alone' | 'again';

/** One fetch, and the requests that wait for what it brings. */
export interface PendingFetch {
  /** Nothing happens when it is settled. */
  settle(outcome: FetchOutcome): void;
  /** @returns `late` when it takes longer. */
  wait(milliseconds: number): Promise<FetchOutcome | 'late'>;
}

/** The fetches under way. */
export function createRequestCoalescing() {
  const fetches = new Map<string, { readonly tags: readonly string[]; readonly pending: PendingFetch }>();

  return {
    under: (key: string): PendingFetch | undefined => fetches.get(key)?.pending,

    begin({ key, tags }: CacheKey): PendingFetch {
      const { promise, resolve } = Promise.withResolvers<FetchOutcome>();
      const pending: PendingFetch = {
        settle(outcome) {
          if (fetches.get(key)?.pending === pending) fetches.delete(key);
          resolve(outcome);
        },
        wait: (milliseconds) => withTimeout(promise, milliseconds, () => 'late' as const),
      };
      fetches.set(key, { tags, pending });
      return pending;
    },

    /** Later requests wait for none of these: they may bring the old state. Without tags: for none at all. */
    leave(tags?: readonly string[]): void {
      for (const [key, pending] of fetches) {
        if (tags === undefined || pending.tags.some((tag) => tags.includes(tag))) fetches.delete(key);
      }
    },
  };
}
