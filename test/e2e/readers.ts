/** Readers without an account who ask again and again, for posts that are watched and for the list. */
export interface Readers extends AsyncDisposable {
  /** Asks for this post from now on, besides the list. */
  watch(postId: string): Watch;
}

/** What readers saw of a post. Times are those at which a question began, by `performance.now()`: an answer may be late. */
export interface Watch {
  /** Whether some reader saw it at both places, by itself and in the list. */
  isSeenEverywhere(): boolean;
  /** The last question whose answer showed it, at either place. */
  lastSeenAt(): number;
  /** The last question of the slowest reader, at either place, that was answered. */
  askedUpTo(): number;
  /** From now on no reader asks for it. */
  end(): void;
}

type Place = 'post' | 'list';
const PLACES: readonly Place[] = ['post', 'list'];
interface Seen {
  readonly lastSeen: Record<Place, number>;
  readonly asked: Record<Place, number[]>;
}

/**
 * @param count so many at a time, each with one question after the other.
 * Disposing stops them, and throws when one of them got an answer that is neither 200 nor 404.
 */
export function startReaders(url: string, count: number): Readers {
  const watched = new Map<string, Seen>();
  let isOver = false;

  async function ask(path: string): Promise<{ begun: number; text: string }> {
    const begun = performance.now();
    const answer = await fetch(`${url}/v1/posts${path}`);
    const text = await answer.text();
    if (answer.status !== 200 && answer.status !== 404) throw new Error(`a reader got ${answer.status}: ${text}`);
    return { begun, text: answer.status === 200 ? text : '' };
  }

  function note(reader: number, place: Place, [postId, seen]: [string, Seen], { begun, text }: { begun: number; text: string }): void {
    if (text.includes(postId)) seen.lastSeen[place] = Math.max(seen.lastSeen[place], begun);
    seen.asked[place][reader] = begun;
  }

  async function read(reader: number): Promise<void> {
    while (!isOver) {
      for (const each of [...watched]) note(reader, 'post', each, await ask(`/${each[0]}`));
      const those = [...watched];
      const list = await ask('');
      for (const each of those) note(reader, 'list', each, list);
    }
  }

  const reading = Promise.all(Array.from({ length: count }, (_, reader) => read(reader)));
  // The caller that stops them gets the error.
  reading.catch(() => {});
  const none = () => Array<number>(count).fill(0);
  return {
    watch(postId) {
      const seen = { lastSeen: { post: 0, list: 0 }, asked: { post: none(), list: none() } };
      watched.set(postId, seen);
      return {
        isSeenEverywhere: () => PLACES.every((place) => seen.lastSeen[place] > 0),
        lastSeenAt: () => Math.max(...PLACES.map((place) => seen.lastSeen[place])),
        askedUpTo: () => Math.min(...PLACES.flatMap((place) => seen.asked[place])),
        end: () => watched.delete(postId),
      };
    },
    async [Symbol.asyncDispose]() {
      isOver = true;
      await reading;
    },
  };
}
