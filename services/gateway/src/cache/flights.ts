import type { Place, StoredAnswer } from './store.ts';

/** An answer for others too, of the variant under this key. */
export interface Shareable {
  readonly answer: StoredAnswer;
  readonly variant: string;
}

/** How a fetch ended: with an answer for others; with one that is only its own; without one, so that another may try. */
export type Landing = Shareable | 'alone' | 'again';

/** One fetch, and the requests that wait for what it brings. */
export interface Flight {
  /** Nothing happens when it has landed. */
  land(landing: Landing): void;
  /** @returns `late` when it takes longer. */
  wait(milliseconds: number): Promise<Landing | 'late'>;
}

/** The fetches under way. */
export function createFlights() {
  const flights = new Map<string, { readonly tags: readonly string[]; readonly flight: Flight }>();

  return {
    under: (key: string): Flight | undefined => flights.get(key)?.flight,

    begin({ key, tags }: Place): Flight {
      const { promise, resolve } = Promise.withResolvers<Landing>();
      const flight: Flight = {
        land(landing) {
          if (flights.get(key)?.flight === flight) flights.delete(key);
          resolve(landing);
        },
        async wait(milliseconds) {
          const late = Promise.withResolvers<'late'>();
          const timer = setTimeout(() => late.resolve('late'), milliseconds);
          const landing = await Promise.race([promise, late.promise]);
          clearTimeout(timer);
          return landing;
        },
      };
      flights.set(key, { tags, flight });
      return flight;
    },

    /** Who comes from now on waits for none of these: they may bring what was before. Without tags: for none at all. */
    leave(tags?: readonly string[]): void {
      for (const [key, flight] of flights) {
        if (tags === undefined || flight.tags.some((tag) => tags.includes(tag))) flights.delete(key);
      }
    },
  };
}
