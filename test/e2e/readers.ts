/** Readers without an account who ask again and again, and note when they were last shown a post. */
export interface Readers {
  /** Asks for this post from now on, besides the list. */
  watch(postId: string): void;
  /** When, by `performance.now()`, somebody was last shown the post by itself, and in the list; 0 when nobody was. */
  lastSeen(): Readonly<Record<Place, number>>;
  /** When the question of the slowest of them began that was answered last. */
  askedUpTo(): Readonly<Record<Place, number>>;
  /** Sends them home. @throws what a reader was answered that is neither 200 nor 404. */
  [Symbol.asyncDispose](): Promise<void>;
}

type Place = 'post' | 'list';

/** @param count so many at a time, each with one question after the other. */
export function startReaders(url: string, count: number): Readers {
  let watched = '';
  let isOver = false;
  const seen = { post: 0, list: 0 };
  const asked = { post: Array<number>(count).fill(0), list: Array<number>(count).fill(0) };

  async function look(reader: number, place: Place): Promise<void> {
    const postId = watched;
    const begun = performance.now();
    const answer = await fetch(`${url}/v1/posts${place === 'post' ? `/${postId}` : ''}`);
    const text = await answer.text();
    if (answer.status !== 200 && answer.status !== 404) throw new Error(`a reader got ${answer.status}: ${text}`);
    if (postId !== watched) return;
    if (answer.status === 200 && text.includes(postId)) seen[place] = performance.now();
    asked[place][reader] = begun;
  }

  async function read(reader: number): Promise<void> {
    while (!isOver) {
      if (watched !== '') await look(reader, 'post');
      await look(reader, 'list');
    }
  }

  const reading = Promise.all(Array.from({ length: count }, (_, reader) => read(reader)));
  // Whoever stops them is told.
  reading.catch(() => {});
  return {
    watch(postId) {
      watched = postId;
      for (const place of ['post', 'list'] as const) {
        seen[place] = 0;
        asked[place].fill(0);
      }
    },
    lastSeen: () => ({ ...seen }),
    askedUpTo: () => ({ post: Math.min(...asked.post), list: Math.min(...asked.list) }),
    async [Symbol.asyncDispose]() {
      isOver = true;
      await reading;
    },
  };
}
